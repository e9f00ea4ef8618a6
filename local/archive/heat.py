"""What changes again and again is cut finer, and what rests is joined again: decided from the archive's own table.

Small members everywhere would cost a tenth of the archive and more, as each has less to refer back to; where the same
pages change from run to run they cost next to nothing, and only the page's own piece travels. So the table says of each
member in which of the last eight archives its place changed, and of one that changed in the newest a mark for each of
its pieces. A member that changes twice in a row is cut, while it is sent anyway, around the pieces that changed.

Nothing here can make a wrong archive: these are lengths, and whatever is cut is written from the file itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import deflate

from local.archive.chunks import FINE_BYTES, SMALL_BYTES, Chunk, chunk_length, cut
from local.archive.gzip_member import Member, compress, describe, level_for

# What changed in none of so many archives rests. Joined means sent once more: after 4 of them it is more often in vain
# (*measured*, 40 runs, a scattered 1 % of rows of which each changes in every second run: 8.2 times the changed pages
# after 4, 6.0 times after 8, for 0.3 % of the archive).
HISTORY_BITS = 8
MARK_BYTES = 2
# Cut around its pieces that changed, a member becomes three on average (*measured*), and seven at most.
CUT_INTO = 3


class Spot(NamedTuple):
    """A chunk of the file, the former archive's member that holds it (by index; None: it is new), the history of its
    place, and the level at which it is compressed if it must be.

    `cut_by` are the former marks of a chunk that is to be cut, empty for one that is not.
    """

    chunk: Chunk
    held_by: int | None
    changes: int
    level: int
    cut_by: bytes = b""


class Part(NamedTuple):
    """A member to be made: its length in bytes, and the history of its place."""

    length: int
    changes: int


class Heat:
    """A file of `size` bytes, cut as the former archive is, and what the members of that tell of the places in it."""

    def __init__(self, members: Sequence[Member], size: int) -> None:
        self.chunks = tuple(cut([member.raw_bytes for member in members], size))
        self._members = members
        self._offsets = tuple(accumulate((member.raw_bytes for member in members), initial=0))
        self._worth_cutting = worth_cutting(members, size)
        self._whole = chunk_length(size)
        self._level = level_for(size, is_first=not members)

    def expected(self, place: int, before: int | None) -> int:  # noqa: ARG002 - whatever holds the chunk in front
        """The former member in which to look first: the one at the same place, which keeps its history."""
        return place

    def is_changed(self, place: int, held_by: int | None) -> bool:
        """Whether the former archive holds something else at the chunk's place."""
        return held_by != place

    def spot(self, place: int, held_by: int | None) -> Spot:
        """The chunk at this place of the cut."""
        chunk = self.chunks[place]
        before = self._members[place] if place < len(self._members) and self._offsets[place] == chunk[0] else None
        changes = _history(before, is_changed=bool(self._members) and self.is_changed(place, held_by))
        if held_by is not None:
            return Spot(chunk, held_by, changes, self._members[held_by].level)
        cut_by = before.marks if before and place in self._worth_cutting else b""
        return Spot(chunk, None, changes, self._level, cut_by)

    def joined(self, spots: Sequence[Spot]) -> list[Spot]:
        """The spots, of which small ones in a row that rest are made one, within each chunk's length of the file."""
        made: list[Spot] = []
        row: list[Spot] = []
        for spot in spots:
            rests = spot.held_by is not None and not spot.changes
            if row and not (rests and sum(spot.chunk) <= (row[0].chunk[0] // self._whole + 1) * self._whole):
                made += self._one(row)
                row = []
            (row if rests else made).append(spot)
        return made + self._one(row)

    def _one(self, row: Sequence[Spot]) -> list[Spot]:
        if len(row) < 2 or all(spot.chunk[1] >= SMALL_BYTES for spot in row):
            return list(row)
        return [Spot((row[0].chunk[0], sum(spot.chunk[1] for spot in row)), None, 0, self._level)]


def pack(spot: Spot, raw: bytes | memoryview, digest: bytes | None = None) -> tuple[bytes, tuple[Member, ...]]:
    """The spot's content compressed, as one member or cut into several; `digest` is that of all of it, if known."""
    packed: list[bytes] = []
    members: list[Member] = []
    at = 0
    for part in parts(spot, raw):
        piece = raw[at : at + part.length]
        packed.append(compress(piece, spot.level))
        known = digest if len(piece) == len(raw) else None
        members.append(_remembered(describe(piece, packed[-1], spot.level, known), part.changes, piece))
        at += part.length
    return b"".join(packed), tuple(members)


def _history(before: Member | None, is_changed: bool) -> int:
    """In which of the last archives a place changed, bit 0 in the one that is made now."""
    shifted = (before.changes << 1 if before else 0) & ((1 << HISTORY_BITS) - 1)
    return shifted | is_changed


def marks_bytes(raw_bytes: int, changes: int) -> int:
    """The size of a member's marks: none where it rests, or is no longer than one piece."""
    return -(-raw_bytes // FINE_BYTES) * MARK_BYTES if changes & 1 and raw_bytes > FINE_BYTES else 0


def marks_of(raw: bytes | memoryview) -> bytes:
    """Two bytes for each piece: the same for the same bytes, and hardly ever for others."""
    view = memoryview(raw)
    sums = (deflate.crc32(view[at : at + FINE_BYTES]) for at in range(0, len(raw), FINE_BYTES))
    return b"".join((value & 0xFFFF).to_bytes(MARK_BYTES, "big") for value in sums)


def carried(member: Member, changes: int) -> Member:
    """The entry of a member of the former archive; where its marks are not known all of it counts as changed next."""
    size = marks_bytes(member.raw_bytes, changes)
    return member._replace(changes=changes, marks=member.marks if len(member.marks) == size else bytes(size))


def worth_cutting(members: Sequence[Member], size: int) -> frozenset[int]:
    """Which members, by index, are to be cut if they change now: those that did in the newest archive.

    Where they are so many that small members would cost the archive too much, those that changed most often.
    """
    small = sum(member.raw_bytes < SMALL_BYTES for member in members)
    room = max(0, size // chunk_length(size) - small) // CUT_INTO
    found = [index for index, member in enumerate(members) if member.marks]
    found.sort(key=lambda index: -members[index].changes.bit_count())
    return frozenset(found[:room])


def parts(spot: Spot, raw: bytes | memoryview) -> list[Part]:
    """The members to be made of a new chunk: the whole of it, or cut around the pieces that changed.

    At most three stretches that stayed the same are cut out, the longest ones.
    """
    if not spot.cut_by:
        return [Part(len(raw), spot.changes)]
    stretches = sorted(_same(marks_of(raw), spot.cut_by), key=lambda stretch: stretch[0] - stretch[1])[:CUT_INTO]
    edges = sorted({0, len(raw), *(min(edge * FINE_BYTES, len(raw)) for stretch in stretches for edge in stretch)})
    rested = {start * FINE_BYTES for start, _ in stretches}
    return [Part(end - start, spot.changes & ~1 if start in rested else spot.changes) for start, end in pairwise(edges)]


def _remembered(member: Member, changes: int, raw: bytes | memoryview) -> Member:
    return member._replace(changes=changes, marks=marks_of(raw) if marks_bytes(len(raw), changes) else b"")


def _same(now: bytes, before: bytes) -> list[tuple[int, int]]:
    """Stretches of pieces with equal marks: (first, behind the last). A piece without a former one changed."""
    places = range(0, len(now), MARK_BYTES)
    equal = [False, *(now[at : at + MARK_BYTES] == before[at : at + MARK_BYTES] for at in places), False]
    edges = [place for place, (left, right) in enumerate(pairwise(equal)) if left != right]
    return list(zip(edges[::2], edges[1::2], strict=True))
