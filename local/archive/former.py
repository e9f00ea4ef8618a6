"""The archive that a new one is compared with: its members, and its bytes where this machine can read them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from local.archive.gzip_member import Member, crc_of

_GZIP = 31  # zlib's window bits for a whole gzip member


@dataclass(frozen=True)
class FormerArchive:
    """`members` in order; `path` is a file with the same bytes, None where there is none: they are compressed again."""

    members: tuple[Member, ...] = ()
    path: Path | None = None
    offsets: tuple[int, ...] = field(init=False, repr=False)
    _places: dict[tuple[int, bytes], int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ends = accumulate((member.gzip_bytes for member in self.members), initial=0)
        places = {(member.raw_bytes, member.digest): index for index, member in enumerate(self.members)}
        object.__setattr__(self, "offsets", tuple(ends))
        object.__setattr__(self, "_places", places)

    def find(self, index: int, raw_bytes: int, digest: bytes) -> int | None:
        """Which member holds a chunk of this content: the one at `index`, else any; None where none does."""
        if index < len(self.members):
            member = self.members[index]
            if (member.raw_bytes, member.digest) == (raw_bytes, digest):
                return index
        return self._places.get((raw_bytes, digest))

    def offset_of(self, index: int, made: Member) -> int | None:
        """Where the member at this index stands; None where it is not the very bytes of the one that was made anew."""
        return self.offsets[index] if self.members[index].is_same_as(made) else None


def read_members(file: int, former: FormerArchive, run: Sequence[int]) -> bytes | None:
    """The bytes of members that stand in a row, from a descriptor of `former.path`; None where any is not as it was."""
    start, end = former.offsets[run[0]], former.offsets[run[-1] + 1]
    data = os.pread(file, end - start, start)
    if len(data) != end - start:
        return None
    view = memoryview(data)
    for index in run:
        at = former.offsets[index] - start
        if crc_of(view[at : at + former.members[index].gzip_bytes]) != former.members[index].crc:
            return None
    return data


def first_bytes(former: FormerArchive, count: int) -> bytes | None:
    """At most `count` bytes of the former content's beginning; None where they are not on this machine."""
    if not former.members or not former.path:
        return None
    try:
        with former.path.open("rb") as file:
            packed = read_members(file.fileno(), former, [0])
        return zlib.decompressobj(_GZIP).decompress(packed, count) if packed else None
    except (OSError, zlib.error):
        return None
