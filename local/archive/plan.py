"""Where a file is cut, and which of its chunks the former archive holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local.archive.chunks import Chunk
from local.archive.file_digest import FileDigest
from local.archive.former import FormerArchive
from local.archive.gzip_member import Member
from local.archive.heat import Spot


class Cutting(Protocol):
    """Where a file is cut, and what becomes of each chunk: `Heat` of a database, `GivenCut` of a volume.

    A chunk's `place` is its index; `held_by` is the index of the former archive's member that holds it, if one does.
    """

    chunks: tuple[Chunk, ...]

    def expected(self, place: int, before: int | None) -> int:
        """The former member in which a chunk is looked for first, where `before` holds the chunk in front of it."""
        ...

    def spot(self, place: int, held_by: int | None) -> Spot:
        """How the chunk is written."""
        ...

    def joined(self, spots: Sequence[Spot]) -> list[Spot]:
        """The same bytes, of which some spots in a row are made one."""
        ...

    def is_changed(self, place: int, held_by: int | None) -> bool:
        """Whether the chunk counts as changed since the former archive."""
        ...


@dataclass(frozen=True)
class Packed:
    """A spot's compressed bytes, and what the archive's table tells of the members in them."""

    data: bytes = field(repr=False)
    members: tuple[Member, ...]


@dataclass(frozen=True)
class CutPlan:
    """Where `file` is cut, and which of the former archive's members (by index) holds each chunk; `size` in bytes.

    `packed` are spots that are compressed already, and who writes them takes them out; `digest` is the file's, begun.
    """

    file: Path
    size: int
    cutting: Cutting
    held_by: tuple[int | None, ...]
    former: FormerArchive
    packed: dict[Spot, Packed] = field(default_factory=dict)
    digest: FileDigest = field(default_factory=FileDigest)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """(offset, length) of each."""
        return self.cutting.chunks

    @property
    def unchanged(self) -> bool:
        """Whether it is the file in the former archive: the same chunks, in the same order, and no others."""
        return len(self.former.members) == len(self.chunks) and all(
            index == place for place, index in enumerate(self.held_by)
        )

    @property
    def changed_bytes(self) -> int:
        """Raw bytes in chunks that count as changed since the former archive."""
        return sum(
            length
            for place, ((_, length), index) in enumerate(zip(self.chunks, self.held_by, strict=True))
            if self.cutting.is_changed(place, index)
        )

    @property
    def expected_gzip_bytes(self) -> tuple[int, int]:
        """Of the archive to come, what the former one holds, and about as much as is new: by how well that one was
        compressed.
        """
        members = self.former.members
        held = sum(members[index].gzip_bytes for index in self.held_by if index is not None)
        new = sum(length for (_, length), index in zip(self.chunks, self.held_by, strict=True) if index is None)
        share = sum(one.gzip_bytes for one in members) / sum(one.raw_bytes for one in members) if members else 1
        return held, round(new * share)


def in_runs(group: Sequence[Spot]) -> Iterator[list[Spot]]:
    """The group in runs whose former members follow each other; chunks that the former archive lacks are alone."""
    run: list[Spot] = []
    for spot in group:
        if run and (spot.held_by is None or run[-1].held_by is None or spot.held_by != run[-1].held_by + 1):
            yield run
            run = []
        run.append(spot)
    if run:
        yield run
