"""Where a file is cut, and which of its chunks the former archive holds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from local.archive.chunks import Chunk
from local.archive.former import FormerArchive
from local.archive.gzip_member import Member
from local.archive.heat import Heat, Spot


@dataclass(frozen=True)
class Packed:
    """A spot's compressed bytes, and what the archive's table tells of the members in them."""

    data: bytes = field(repr=False)
    members: tuple[Member, ...]


@dataclass(frozen=True)
class CutPlan:
    """Where `file` is cut, and which of the former archive's members (by index) holds each chunk; `size` in bytes.

    `heat` is what the former archive tells of the chunks' places; `packed` are spots that are compressed already, and
    who writes them takes them out.
    """

    file: Path
    size: int
    chunks: tuple[Chunk, ...]
    held_by: tuple[int | None, ...]
    former: FormerArchive
    heat: Heat
    packed: dict[Spot, Packed] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        """Whether it is the file in the former archive: the same chunks, in the same order, and no others."""
        return len(self.former.members) == len(self.chunks) and all(
            index == place for place, index in enumerate(self.held_by)
        )

    @property
    def changed_bytes(self) -> int:
        """Raw bytes in chunks that the former archive does not hold at their place."""
        return sum(
            length
            for place, ((_, length), index) in enumerate(zip(self.chunks, self.held_by, strict=True))
            if index != place
        )


def read_chunk(file: int, chunk: Chunk) -> bytes:
    """The chunk's bytes; OSError where the file is shorter."""
    offset, length = chunk
    data = os.pread(file, length, offset)
    if len(data) != length:
        raise OSError(f"the snapshot ended at byte {offset + len(data)}")
    return data
