"""A file that is cut where its content says, as a volume's tar is by its entries, and not as the archive of before.

A chunk is the former archive's wherever it stands in there, since what is in front of it comes and goes. Its place
means nothing, so there is no history of one, and nothing is cut finer or joined.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate

import deflate

from local.archive.chunks import LONGEST_BYTES, SMALL_BYTES, Chunk
from local.archive.gzip_member import Member, level_for
from local.archive.heat import Spot

# Each costs some 24 bytes of the archive's table, which is sent by every run, and that of more than a million members
# would not be read again. A volume of 1 GB in 10,000 files has some 30,000.
MOST_CHUNKS = 150_000


class GivenCut:
    """A file of `size` bytes in chunks of these lengths, next to the members of the former archive.

    Where they are more than MOST_CHUNKS, some in a row are one; which ones their lengths alone decide. ValueError where
    the lengths are not just that many bytes, or one is none or above LONGEST_BYTES.
    """

    def __init__(self, lengths: Sequence[int], members: Sequence[Member], size: int) -> None:
        if sum(lengths) != size or not all(0 < length <= LONGEST_BYTES for length in lengths):
            raise ValueError(f"{len(lengths)} chunks of {sum(lengths)} bytes are no cut of {size} bytes")
        lengths = at_most(lengths, MOST_CHUNKS)
        self.chunks: tuple[Chunk, ...] = tuple(zip(accumulate(lengths, initial=0), lengths, strict=False))
        self._members = members
        self._level = level_for(size, is_first=not members)

    def expected(self, place: int, before: int | None) -> int:
        """The former member in which to look first: the one behind that of the chunk in front."""
        return place if before is None else before + 1

    def spot(self, place: int, held_by: int | None) -> Spot:
        """The chunk at this place of the cut."""
        level = self._level if held_by is None else self._members[held_by].level
        return Spot(self.chunks[place], held_by, 0, level)

    def joined(self, spots: Sequence[Spot]) -> list[Spot]:
        """The spots as they are."""
        return list(spots)

    def is_changed(self, place: int, held_by: int | None) -> bool:  # noqa: ARG002 - wherever it stands
        """Whether the former archive does not hold the chunk."""
        return held_by is None


def at_most(lengths: Sequence[int], most: int) -> Sequence[int]:
    """The lengths, or where they are more than `most`, those of longer chunks that are made of some in a row.

    A join ends by chance, which the lengths beside it make, so that what comes or goes elsewhere does not move it.
    """
    found, doublings = lengths, 0
    while len(found) > most and SMALL_BYTES << doublings < LONGEST_BYTES:
        doublings += 1
        found = list(_joined(lengths, doublings))
    return found


def _joined(lengths: Sequence[int], doublings: int) -> Iterator[int]:
    longest = min(LONGEST_BYTES, 4 * SMALL_BYTES << doublings)
    row = 0
    for place, length in enumerate(lengths):
        if row and row + length > longest:
            yield row
            row = 0
        row += length
        behind = lengths[place + 1] if place + 1 < len(lengths) else 0
        if deflate.crc32(struct.pack("<II", length, behind)) >> (32 - doublings) == 0:
            yield row
            row = 0
    if row:
        yield row
