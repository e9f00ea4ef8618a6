"""Which stretches of a pack are an archive, in its order.

A pack is only ever appended to, so what an archive has in common with the one before stands there once. What no archive
needs any more stays in it until a new one is worth its writing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated, NamedTuple

from msgspec import Meta

# At 1.5 times the archive a run writes, over the years, three times the bytes that are new in it; at twice the archive
# it would be two times, but the disk would hold three archives while a new pack is written, instead of two and a half.
PACK_SHARE = 1.5
# An index of some two megabytes, which each run reads and writes.
EXTENTS_MAX = 100_000
# No file is longer.
_LONGEST_BYTES = 2**62


class Extent(NamedTuple):
    """Where bytes of an archive stand in a pack, and how many."""

    place: Annotated[int, Meta(ge=0, le=_LONGEST_BYTES)]
    length: Annotated[int, Meta(gt=0, le=_LONGEST_BYTES)]


@dataclass(frozen=True)
class Extents:
    """An archive as extents of a pack, in its order; two of them may overlap, where it holds the same bytes twice."""

    row: tuple[Extent, ...]
    _offsets: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_offsets", tuple(accumulate((one.length for one in self.row), initial=0)))

    @property
    def size(self) -> int:
        """The archive's bytes."""
        return self._offsets[-1]

    @property
    def end(self) -> int:
        """The first byte of the pack behind all that the archive needs."""
        return max((one.place + one.length for one in self.row), default=0)

    def part(self, offset: int, length: int) -> Iterator[Extent]:
        """Where a part of the archive stands; less of it where the archive ends before."""
        end = min(offset + length, self.size)
        index = bisect_right(self._offsets, offset) - 1
        while offset < end:
            place, whole = self.row[index]
            skipped = offset - self._offsets[index]
            taken = min(whole - skipped, end - offset)
            yield Extent(place + skipped, taken)
            offset += taken
            index += 1


def append(row: list[Extent], extent: Extent) -> None:
    """The archive goes on with this extent, which is one with the last where it stands right behind it."""
    if row and row[-1].place + row[-1].length == extent.place:
        row[-1] = Extent(row[-1].place, row[-1].length + extent.length)
    else:
        row.append(extent)


def has_room(extents: Extents, held_bytes: int, new_bytes: int) -> bool:
    """Whether the next archive, of which the pack holds so many bytes, is appended to it; else a new one is written."""
    is_short = extents.end + new_bytes <= PACK_SHARE * (held_bytes + new_bytes)
    return is_short and len(extents.row) <= EXTENTS_MAX
