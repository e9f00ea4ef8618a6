"""An archive on its way into a block blob: blocks named by their content, staged in parallel, committed at once.

Put Block List takes committed and newly staged blocks in any mix and drops those that are left out, so what did not
change never travels again. A day's first archive begins as Copy Blob of the newest one, which keeps the block list;
until the commit its metadata says so (`layout.SEED_KEY`), and no reader of ours takes it for a backup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from local.store import layout
from local.store.azure_blocks import BlockAssembler, Keep, Splice, Stage, Step, base_blocks, block_id, is_ours
from local.store.azure_container import AzureContainer, only_if
from local.store.azure_staging import BlockStaging
from local.store.interface import Entry

CONTENT_TYPE = "application/gzip"


class AzureUpload:
    """One archive under one name, from its first byte to its commit."""

    def __init__(self, container: AzureContainer, name: str, base: Entry | None) -> None:
        self._container = container
        self._name = name
        self._blob = container.blob(name)
        self._former = container.current(name)
        self._base = base
        self._etag = self._former.etag if self._former else None
        self._seeded = False
        self._listed = self._list_base() if base else []
        self._assembler: BlockAssembler | None = None
        self._blocks: list[tuple[str, bool]] = []
        self._staging = BlockStaging(container, name)

    @property
    def base_blocks(self) -> tuple[str, ...]:
        """The names of the base's blocks, as the service lists them."""
        return tuple(name for name, _ in self._listed)

    @property
    def sent(self) -> int:
        """Bytes handed to the service so far, what it copied itself not counted."""
        return self._staging.sent

    def send(self, data: bytes) -> None:
        """Add bytes that the base does not hold; returns when there is room for them on the way."""
        self._carry_out(self._begun().send(data))

    def reuse(self, offset: int, data: bytes) -> None:
        """Add bytes that stand at `offset` of the base; none of them travel where the service can take them from it."""
        self._carry_out(self._begun().reuse(offset, data))

    def commit(self, metadata: Mapping[str, str]) -> tuple[str, ...]:
        """Keep the former content, then Put Block List with the metadata, if nobody else committed meanwhile."""
        from azure.storage.blob import ContentSettings

        self._carry_out(self._begun().finish())
        self._staging.finish()
        if self._former:
            self._container.keep(self._former)
        settings = ContentSettings(content_type=CONTENT_TYPE)
        self._commit(self._blocks, metadata, content_settings=settings, raw_request_hook=self._staging.count_body)
        self._seeded = False
        self._container.write_sidecar(self._name, metadata)
        return tuple(name for name, _ in self._blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._staging.close()
        if self._seeded:
            with self._container.calls(f"take back {self._name}", self._name):
                self._blob.delete_blob(**only_if(self._etag))

    def _carry_out(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Keep(name):
                    self._blocks.append((name, True))
                case Stage(data):
                    name = block_id(data)
                    held = name in self._held
                    if not held:
                        self._staging.stage(name, data)
                    self._blocks.append((name, held))
                case Splice(offset, data):
                    name = block_id(data)
                    self._staging.splice(name, offset, data)
                    self._blocks.append((name, False))

    def _list_base(self) -> list[tuple[str, int]]:
        """The base's blocks with their sizes; none where they can't stand in the list of this blob."""
        assert self._base
        if self._former and (self._former.name, self._former.etag) != (self._base.name, self._base.etag):
            return []
        with self._container.calls(f"list the blocks of {self._base.name}"):
            committed, _ = self._container.blob(self._base.name).get_block_list("committed")
        listed = [(str(block.id), int(block.size)) for block in committed]
        return listed if all(is_ours(name) for name, _ in listed) else []

    def _begun(self) -> BlockAssembler:
        """Before the first byte: the copy of the base, and no leftovers that would refuse our block ids."""
        if self._assembler is None:
            if self._base and self._listed and self._former is None:
                self._etag = self._container.copy(self._name, self._base, {layout.SEED_KEY: self._base.name}, None)
                self._seeded = True
            self._drop_leftovers()
            self._held = frozenset(self.base_blocks)
            self._assembler = BlockAssembler(base_blocks(self._listed))
            if self._listed:
                self._staging.splice_from(Entry(self._name, 0, layout.EPOCH, etag=self._etag))
        return self._assembler

    def _drop_leftovers(self) -> None:
        """Uncommitted blocks of another tool with ids of another length make Azure refuse ours, for up to 7 days.

        Any commit discards them: the same list again, or an empty one marked as unfinished.
        """
        from azure.core.exceptions import ResourceNotFoundError

        with self._container.calls(f"list the blocks of {self._name}"):
            try:
                _, leftovers = self._blob.get_block_list("uncommitted")
            except ResourceNotFoundError:
                return
            if all(is_ours(str(block.id)) for block in leftovers):
                return
            committed, _ = self._blob.get_block_list("committed")
        self._seeded = self._seeded or self._former is None
        metadata = {layout.SEED_KEY: ""} if self._former is None else self._former.metadata
        self._commit([(str(block.id), True) for block in committed], metadata)
        if self._former:
            self._former = replace(self._former, etag=self._etag)

    def _commit(self, blocks: Sequence[tuple[str, bool]], metadata: Mapping[str, str], **options: Any) -> None:
        from azure.storage.blob import BlobBlock, BlockState

        states = {True: BlockState.COMMITTED, False: BlockState.UNCOMMITTED}
        named = [BlobBlock(name, state=states[held]) for name, held in blocks]
        with self._container.calls(f"commit {self._name}", self._name):
            answer = self._blob.commit_block_list(named, metadata=dict(metadata), **options, **only_if(self._etag))
        self._etag = str(answer["etag"])
