"""An archive on its way into a block blob: blocks named by their content, staged in parallel, committed at once.

Put Block List takes committed and newly staged blocks in any mix and drops those that are left out, so what did not
change never travels again. A day's first archive begins as Copy Blob of the newest one, which keeps the block list;
until the commit its metadata says so (`layout.SEED_KEY`), and no reader of ours takes it for a backup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from local.errors import PillarError, StoreError
from local.store import azure_refusals, layout
from local.store.azure_blocks import BlockAssembler, Keep, Splice, Stage, Step, base_blocks, block_id, is_ours
from local.store.azure_container import AzureContainer
from local.store.azure_copy import copy_unfinished
from local.store.azure_leftovers import drop_leftovers
from local.store.azure_sidecar import write_sidecar
from local.store.azure_staging import BlockStaging
from local.store.interface import Entry


class AzureUpload:
    """One archive under one name, from its first byte to its commit."""

    def __init__(self, container: AzureContainer, name: str, base: Entry | None) -> None:
        self._container = container
        self._name = name
        self._former = container.current(name)
        if self._former:
            refuse_immutable(container, name)
        self._base = base
        self._etag = self._former.entry.etag if self._former else None
        self._unfinished = False
        self._listed = self._list_base() if base else []
        self._assembler: BlockAssembler | None = None
        self._base_blocks = base_blocks(self._listed)
        self._foreseen = BlockAssembler(self._base_blocks)
        self._early: set[str] = set()
        self._blocks: list[tuple[str, bool]] = []
        self._size = 0
        self._staging = BlockStaging(container, name)

    @property
    def base_blocks(self) -> tuple[str, ...]:
        """The names of the base's blocks, as the service lists them."""
        return tuple(name for name, _ in self._listed)

    @property
    def sent(self) -> int:
        """Bytes handed to the service so far, what it copied itself not counted."""
        return self._staging.sent

    def foresee(self, offset: int | None, data: bytes) -> None:
        """Blocks of bytes that will most likely come go ahead; a block is named by its content, so one that does not
        come after all is merely dropped by the commit.
        """
        ahead = self._foreseen
        for step in ahead.send(data) if offset is None else ahead.reuse(offset, data):
            if not isinstance(step, Keep):
                self._begun()
                if self._name_of is block_id:
                    self._go_ahead(block_id(step.data), step)

    def _go_ahead(self, name: str, step: Stage | Splice) -> None:
        if name in self._held or name in self._early or not self._staging.has_room:
            # What there is no room for is sent in its turn: nobody waits for what may come in vain.
            return
        self._early.add(name)
        self._send_off(name, step)

    @property
    def is_begun(self) -> bool:
        """Whether a blob was made or blocks were sent."""
        return self._assembler is not None

    def send(self, data: bytes) -> None:
        """Add bytes that the base does not hold; returns when there is room for them on the way."""
        self._carry_out(self._begun().send(data))
        self._size += len(data)

    def reuse(self, offset: int, data: bytes) -> None:
        """Add bytes that stand at `offset` of the base; none of them travel where the service can take them from it."""
        self._carry_out(self._begun().reuse(offset, data))
        self._size += len(data)

    def commit(self, metadata: Mapping[str, str]) -> tuple[str, ...]:
        """Keep the former content, then Put Block List with the metadata, if nobody else committed meanwhile."""
        self._carry_out(self._begun().finish())
        self._staging.finish()
        if self._former:
            self._container.keep(self._former)
        self._etag = self._put_block_list(metadata)
        self._unfinished = False
        if self._base and self._base.name != self._name and self._base.metadata.get("sha256"):
            # A run before may have been kept from writing that one.
            write_sidecar(self._container, self._base.name, self._base.metadata, self._base.etag)
        write_sidecar(self._container, self._name, metadata, self._etag)
        return tuple(name for name, _ in self._blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._staging.close()
        if not self._unfinished:
            return
        self._unfinished = False
        try:
            self._take_back()
        except PillarError as left:
            if error is None:
                raise
            # What went wrong first is what a person must mend.
            error.add_note(f"and its beginning stands there still, marked as unfinished: {left}")

    def _take_back(self) -> None:
        """Delete what stands there, unless it is gone, or another run's, or this run's own commit by now."""
        self._container.delete(self._name, self._etag, f"take back {self._name}")

    def _carry_out(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Keep(name):
                    self._blocks.append((name, True))
                case Stage() | Splice():
                    name = self._name_of(step.data)
                    held = isinstance(step, Stage) and name in self._held
                    if not held and name not in self._early:
                        self._send_off(name, step)
                    self._blocks.append((name, held))

    def _send_off(self, name: str, step: Stage | Splice) -> None:
        if isinstance(step, Splice):
            self._staging.splice(name, step.offset, step.data)
        else:
            self._staging.stage(name, step.data)

    def _list_base(self) -> list[tuple[str, int]]:
        """The base's blocks with their sizes; none where they can't stand in the list of this blob."""
        from azure.core.exceptions import HttpResponseError

        assert self._base
        if self._former and (self._former.entry.name, self._former.entry.etag) != (self._base.name, self._base.etag):
            return []
        if not self._former and self._container.is_immutable:
            # What it would begin with could be neither replaced nor taken back.
            return []
        with self._container.calls(f"list the blocks of {self._base.name}"):
            try:
                committed, _ = self._container.blob(self._base.name).get_block_list("committed")
            except HttpResponseError as error:
                if azure_refusals.code_of(error) != "BlobArchived":
                    raise
                return []
        listed = [(str(block.id), int(block.size)) for block in committed]
        return listed if all(is_ours(name) for name, _ in listed) else []

    def _begun(self) -> BlockAssembler:
        """Before the first byte: the copy of the base, and no leftovers that would refuse our block ids."""
        if self._assembler is None:
            if self._base and self._listed and self._former is None:
                self._etag = copy_unfinished(self._container, self._name, self._base, None)
                self._unfinished = True
            self._name_of: Callable[[bytes], str] = self._cleared()
            self._held = frozenset(self.base_blocks)
            self._assembler = BlockAssembler(self._base_blocks)
            if self._listed:
                self._staging.splice_from(Entry(self._name, 0, layout.EPOCH, etag=self._etag))
        return self._assembler

    def _cleared(self) -> Callable[[bytes], str]:
        cleared = drop_leftovers(self._container, self._name, self._former)
        if cleared.etag:
            self._etag = cleared.etag
            if self._former is None:
                self._unfinished = True
            else:
                self._former = self._former.with_etag(cleared.etag)
        return cleared.name_of

    def _put_block_list(self, metadata: Mapping[str, str]) -> str:
        from azure.storage.blob import BlobBlock, BlockState, ContentSettings

        states = {True: BlockState.COMMITTED, False: BlockState.UNCOMMITTED}
        named = [BlobBlock(name, state=states[held]) for name, held in self._blocks]
        options: dict[str, Any] = {
            "metadata": dict(metadata),
            "content_settings": ContentSettings(content_type=layout.CONTENT_TYPE),
            "raw_request_hook": self._staging.count_body,
        }
        blob = self._container.blob(self._name)
        return self._container.change(
            f"commit {self._name}",
            Entry(self._name, self._size, layout.EPOCH, metadata=metadata, etag=self._etag),
            lambda condition: blob.commit_block_list(named, **options, **condition),
        )


def refuse_immutable(container: AzureContainer, name: str) -> None:
    """StoreError, before the first byte, where what stands there could not be replaced.

    A name of its own for the later content would be one that no restore by hand looks for.
    """
    if container.is_immutable:
        what, mend = azure_refusals.IMMUTABLE
        raise StoreError(f"store: replace {name}", what, mend)
