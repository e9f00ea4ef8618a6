"""The table of an archive's members, as its record carries it: what a later run compares with, cache or no cache.

Column after column, since the record is compressed: equal lengths in a row then take next to nothing.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from local.archive.chunks import LONGEST_BYTES
from local.archive.gzip_member import DIGEST_BYTES, LEVELS, Member
from local.archive.heat import marks_bytes

# A hundred gibibytes have some 300,000; the table of so many takes about 200 MB while it is read.
_MOST_MEMBERS = 1_000_000
_COUNT = struct.Struct(">I")
_FIXED_BYTES = 3 * 4 + DIGEST_BYTES + 2


def encode(members: Sequence[Member]) -> str:
    """The table as text, some 24 bytes a member in the compressed record; none of more than could be read again.

    Compressed, Base64 is as short as Base85, which takes Python 60 ms for a gigabyte's (*measured*).
    """
    if len(members) > _MOST_MEMBERS:
        return ""
    numbers = struct.Struct(f">{len(members)}I")
    packed = (
        _COUNT.pack(len(members)),
        numbers.pack(*(member.raw_bytes for member in members)),
        numbers.pack(*(member.gzip_bytes for member in members)),
        numbers.pack(*(member.crc for member in members)),
        b"".join(member.digest for member in members),
        bytes(member.level for member in members),
        bytes(member.changes for member in members),
        b"".join(member.marks for member in members),
    )
    return base64.b64encode(b"".join(packed)).decode()


def decode(text: object, raw_bytes: int, gzip_bytes: int) -> tuple[Member, ...]:
    """The members of an archive of `gzip_bytes` (its record not counted) that holds `raw_bytes`.

    Empty where the table is none, or does not tell of just so many bytes: nothing can then be compared or reused.
    """
    if not isinstance(text, str):
        return ()
    try:
        members = tuple(_members(base64.b64decode(text, validate=True)))
    except (ValueError, binascii.Error, struct.error):
        return ()
    sums = sum(member.raw_bytes for member in members), sum(member.gzip_bytes for member in members)
    return members if all(map(_is_possible, members)) and sums == (raw_bytes, gzip_bytes) else ()


def _members(packed: bytes) -> Iterator[Member]:
    """Raises ValueError and struct.error where the columns have not the lengths that they must have."""
    (count,) = _COUNT.unpack_from(packed)
    if count > _MOST_MEMBERS or len(packed) < _COUNT.size + count * _FIXED_BYTES:
        raise ValueError("more members than there can be")
    widths = [_COUNT.size, 4 * count, 4 * count, 4 * count, DIGEST_BYTES * count, count, count]
    raw, gzipped, crcs, digests, levels, changes = (packed[start:end] for start, end in pairwise(accumulate(widths)))
    lengths = struct.unpack(f">{count}I", raw)
    ends = list(accumulate(map(marks_bytes, lengths, changes), initial=_COUNT.size + count * _FIXED_BYTES))
    if ends[-1] != len(packed):
        raise ValueError("more or fewer marks than there must be")
    rows = zip(
        lengths,
        struct.unpack(f">{count}I", gzipped),
        struct.unpack(f">{count}I", crcs),
        (digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)),
        levels,
        changes,
        (packed[start:end] for start, end in pairwise(ends)),
        strict=True,
    )
    return (Member(*row) for row in rows)


def _is_possible(member: Member) -> bool:
    return 0 < member.raw_bytes <= LONGEST_BYTES and member.gzip_bytes > 0 and member.level in LEVELS
