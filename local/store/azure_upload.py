"""An archive on its way into a block blob: blocks named by their content, staged in parallel, committed at once.

Put Block List takes committed and newly staged blocks in any mix and drops those that are left out, so what did not
change never travels again. A day's first archive begins as Copy Blob of the newest one, which keeps the block list;
until the commit its metadata says so (`layout.SEED_KEY`), and no reader of ours takes it for a backup.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Condition
from types import TracebackType
from typing import Any, Self

from local.errors import PillarError
from local.store import layout
from local.store.azure_connection import CONNECTIONS
from local.store.azure_container import AzureContainer, only_if
from local.store.interface import Entry

# Bytes on the way at once: many small blocks keep every connection busy, few large ones bound the memory.
UNDER_WAY_BYTES = 16 * 1024 * 1024
# Azure wants all block ids of a blob to have one length.
BLOCK_ID_CHARACTERS = 48
CONTENT_TYPE = "application/gzip"


class AzureUpload:
    """One archive under one name, from its first block to its commit."""

    def __init__(self, container: AzureContainer, name: str, base: Entry | None) -> None:
        self._container = container
        self._name = name
        self._blob = container.blob(name)
        self._former = container.current(name)
        self._base = base if self._former is None else None
        self._etag = self._former.etag if self._former else None
        self._seeded = False
        self._begun = False
        self._blocks: list[Any] = []
        self._staging = BlockStaging(container, name)
        self.sent = 0
        self.held = self._committed_blocks()

    def put(self, block_id: str, data: bytes) -> None:
        """Stage the block in the background, with room for a few on the way."""
        from azure.storage.blob import BlobBlock, BlockState

        self._begin()
        self._staging.stage(block_id, data)
        self._blocks.append(BlobBlock(block_id, state=BlockState.UNCOMMITTED))
        self.sent += len(data)

    def keep(self, block_id: str) -> None:
        """Name a committed block again; the commit fails if the service no longer holds it."""
        from azure.storage.blob import BlobBlock, BlockState

        self._begin()
        self._blocks.append(BlobBlock(block_id, state=BlockState.COMMITTED))

    def commit(self, metadata: Mapping[str, str]) -> None:
        """Keep the former content, then Put Block List with the metadata, if nobody else committed meanwhile."""
        from azure.storage.blob import ContentSettings

        self._staging.finish()
        if self._former:
            self._container.keep(self._former)
        settings = ContentSettings(content_type=CONTENT_TYPE)
        self._commit(self._blocks, metadata, content_settings=settings, raw_request_hook=self._count_body)
        self._seeded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._staging.close()
        if self._seeded:
            with self._container.calls(f"take back {self._name}", self._name):
                self._blob.delete_blob(**only_if(self._etag))

    def _committed_blocks(self) -> tuple[str, ...]:
        """The block ids of the blob that this archive starts from, in order, as the service lists them."""
        source = self._former or self._base
        if source is None:
            return ()
        with self._container.calls(f"list the blocks of {source.name}"):
            committed, _ = self._container.blob(source.name).get_block_list("committed")
        return tuple(str(block.id) for block in committed)

    def _begin(self) -> None:
        """Before the first block: the copy of the base, and no leftovers that would refuse our block ids."""
        if self._begun:
            return
        self._begun = True
        if self._base and self.held:
            self._etag = self._container.copy(self._name, self._base, {layout.SEED_KEY: self._base.name}, None)
            self._seeded = True
        self._drop_leftovers()

    def _drop_leftovers(self) -> None:
        """Uncommitted blocks of another tool with ids of another length make Azure refuse ours, for up to 7 days.

        Any commit discards them: the same list again, or an empty one marked as unfinished.
        """
        from azure.core.exceptions import ResourceNotFoundError
        from azure.storage.blob import BlobBlock, BlockState

        with self._container.calls(f"list the blocks of {self._name}"):
            try:
                _, leftovers = self._blob.get_block_list("uncommitted")
            except ResourceNotFoundError:
                return
            if all(len(str(block.id)) == BLOCK_ID_CHARACTERS for block in leftovers):
                return
            committed, _ = self._blob.get_block_list("committed")
        blocks = [BlobBlock(block.id, state=BlockState.COMMITTED) for block in committed]
        self._seeded = self._seeded or self._former is None
        metadata = {layout.SEED_KEY: ""} if self._former is None else self._former.metadata
        self._commit(blocks, metadata)
        if self._former:
            self._former = replace(self._former, etag=self._etag)

    def _commit(self, blocks: list[Any], metadata: Mapping[str, str], **options: Any) -> None:
        with self._container.calls(f"commit {self._name}", self._name):
            answer = self._blob.commit_block_list(blocks, metadata=dict(metadata), **options, **only_if(self._etag))
        self._etag = str(answer["etag"])

    def _count_body(self, request: Any) -> None:
        body = request.http_request.body or b""
        self.sent += len(body)


class BlockStaging:
    """Blocks of one blob sent in the background, UNDER_WAY_BYTES at once; what failed first fails every later call."""

    def __init__(self, container: AzureContainer, name: str) -> None:
        self._container = container
        self._name = name
        self._blob = container.blob(name)
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="stage")
        self._room = Condition()
        self._under_way = 0
        self._staged: list[Future[None]] = []
        self._failure: PillarError | None = None

    def stage(self, block_id: str, data: bytes) -> None:
        """Send the block as soon as there is room for it; returns before it has arrived."""
        with self._room:
            self._room.wait_for(lambda: self._under_way < UNDER_WAY_BYTES or self._failure)
            if self._failure:
                raise self._failure
            self._under_way += len(data)
        self._staged.append(self._pool.submit(self._send, block_id, data))

    def finish(self) -> None:
        """Wait until every block has arrived."""
        for staged in self._staged:
            staged.result()

    def close(self) -> None:
        """Drop what has not begun to travel and wait for what has."""
        for staged in self._staged:
            staged.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _send(self, block_id: str, data: bytes) -> None:
        try:
            with self._container.calls(f"stage a block of {self._name}"):
                # With a Content-MD5 the service checks what arrived; Azurite then also spares its slow CRC-64
                # (*measured*: 50 MB/s without, 140 MB/s with).
                self._blob.stage_block(block_id, data, length=len(data), validate_content=True)
        except PillarError as error:
            self._failure = error
            raise
        finally:
            with self._room:
                self._under_way -= len(data)
                self._room.notify()
