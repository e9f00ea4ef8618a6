"""Which chunks of a file the former archive holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from local.archive import chunks
from local.archive.chunks import Chunk
from local.archive.former import FormerArchive
from local.archive.gzip_member import digest_of


@dataclass(frozen=True)
class CutPlan:
    """Where `file` is cut, and which of the former archive's members (by index) holds each chunk; `size` in bytes."""

    file: Path
    size: int
    chunks: tuple[Chunk, ...]
    held_by: tuple[int | None, ...]
    former: FormerArchive

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


def make_plan(file: Path, former: FormerArchive, pool: Executor) -> CutPlan:
    """Cut the file as the former archive was, and find the chunks that it holds."""
    size = file.stat().st_size
    cut = chunks.cut([member.raw_bytes for member in former.members], size)
    if not former.members:
        return CutPlan(file, size, tuple(cut), (None,) * len(cut), former)
    with file.open("rb") as opened:
        groups = pool.map(lambda group: _digests(opened.fileno(), group), chunks.grouped(cut))
        digests = [digest for group in groups for digest in group]
    held_by = [
        former.find(place, length, digest) for place, ((_, length), digest) in enumerate(zip(cut, digests, strict=True))
    ]
    return CutPlan(file, size, tuple(cut), tuple(held_by), former)


def read_chunk(file: int, chunk: Chunk) -> bytes:
    """The chunk's bytes; OSError where the file is shorter."""
    offset, length = chunk
    data = os.pread(file, length, offset)
    if len(data) != length:
        raise OSError(f"the snapshot ended at byte {offset + len(data)}")
    return data


def _digests(file: int, group: Sequence[Chunk]) -> list[bytes]:
    start = group[0][0]
    data = memoryview(read_chunk(file, (start, sum(length for _, length in group))))
    return [digest_of(data[offset - start : offset - start + length]) for offset, length in group]
