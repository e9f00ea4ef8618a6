"""The table of an archive's members, as its record carries it: what a later run compares with, cache or no cache."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence

from local.archive.gzip_member import DIGEST_BYTES, Member

_ENTRY = struct.Struct(f"<III{DIGEST_BYTES}s")
_MOST_MEMBER_BYTES = 64 * 1024 * 1024


def encode(members: Sequence[Member]) -> str:
    """The table as text, 38 characters a member."""
    return base64.b85encode(b"".join(_ENTRY.pack(*member) for member in members)).decode()


def decode(text: object, raw_bytes: int, gzip_bytes: int) -> tuple[Member, ...]:
    """The members of an archive of `gzip_bytes` (its record not counted) that holds `raw_bytes`.

    Empty where the table is none, or does not tell of just so many bytes: nothing can then be compared or reused.
    """
    if not isinstance(text, str):
        return ()
    try:
        packed = base64.b85decode(text)
        members = tuple(Member(*entry) for entry in _ENTRY.iter_unpack(packed))
    except (ValueError, binascii.Error, struct.error):
        return ()
    sums = sum(member.raw_bytes for member in members), sum(member.gzip_bytes for member in members)
    whole = all(0 < member.raw_bytes <= _MOST_MEMBER_BYTES and member.gzip_bytes > 0 for member in members)
    return members if whole and sums == (raw_bytes, gzip_bytes) else ()
