"""A file that is cut where its content says, as a volume's tar is by its entries, and not as the archive of before.

A chunk is the former archive's wherever it stands in there, since what is in front of it comes and goes. Its place
means nothing, so there is no history of one, and nothing is cut finer or joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from local.archive.chunks import LONGEST_BYTES, Chunk
from local.archive.gzip_member import Member, level_for
from local.archive.heat import Spot


class GivenCut:
    """A file of `size` bytes in chunks of these lengths, next to the members of the former archive.

    ValueError where the lengths are not just that many bytes, or one is none or above LONGEST_BYTES.
    """

    def __init__(self, lengths: Sequence[int], members: Sequence[Member], size: int) -> None:
        if sum(lengths) != size or not all(0 < length <= LONGEST_BYTES for length in lengths):
            raise ValueError(f"{len(lengths)} chunks of {sum(lengths)} bytes are no cut of {size} bytes")
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
