"""The record that an archive carries of itself: content and record are one commit, and a lone file proves itself.

Empty gzip members stand at the archive's end, which every gunzip skips (RFC 1952 allows them); their extra fields hold
the record, compressed JSON cut in pieces. The very last member is the end mark, of fixed size: where the record begins,
how long it is and its SHA-256. After it stands nothing, or zeros. busybox refuses extra fields of 30,000 bytes.

The record's digest finds damage, not forgery; what unpacks is bounded all the same, so that none can take a machine's
memory: its length, how many values it has, and how long a number is.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from local.drill_program.errors import BackupWrongError

EXTRA_BYTES_MAX = 16_000
# Of the text and of its compressed form. A database of a terabyte has a record of some 10 MiB, 2,000 tables of 60 KiB.
RECORD_BYTES_MAX = 64 << 20
RECORD_VALUES_MAX = 1_000_000
INTEGER_CHARACTERS_MAX = 20
PIECE_FIELD = b"PR"
END_FIELD = b"PE"
# A gzip header with FEXTRA and nothing else set, then XLEN, and the one subfield's id and length.
HEADER = struct.Struct("<4s4xBBH2sH")
GZIP_WITH_EXTRA = b"\x1f\x8b\x08\x04"
OS_UNKNOWN = 255
SUBFIELD_HEADER_BYTES = 4
# An empty deflate stream, and the CRC-32 and length of nothing.
EMPTY_BODY = b"\x03\x00" + bytes(8)
END = struct.Struct("<QQ32s")
END_BYTES = HEADER.size + END.size + len(EMPTY_BODY)
UNREADABLE = "the archive's record does not unpack"
TOO_LARGE = "the archive's record is larger than any of ours"


def member_size(head: bytes) -> int | None:
    """The size of the record's member that begins with `head` (HEADER.size bytes or more); None for any other."""
    if len(head) < HEADER.size:
        return None
    magic, flags, system, extra, field, length = HEADER.unpack(head[: HEADER.size])
    if (magic, flags, system) != (GZIP_WITH_EXTRA, 0, OS_UNKNOWN) or field not in (PIECE_FIELD, END_FIELD):
        return None
    if extra != SUBFIELD_HEADER_BYTES + length or extra > EXTRA_BYTES_MAX:
        return None
    return int(HEADER.size + length + len(EMPTY_BODY))


@dataclass(frozen=True)
class ArchiveRecord:
    """What an archive says of itself, and where in it its content ends and the record begins."""

    fields: dict[str, Any]
    begin: int


class RecordError(BackupWrongError):
    """The archive's own record is damaged, or is not where its end mark says."""


class RecordParts:
    """Collects the record's members in the order in which they stand, and reads the record once all are there."""

    def __init__(self) -> None:
        self.begin: int | None = None
        self.payload = bytearray()
        self.mark: bytes | None = None

    def add(self, member: bytes, offset: int) -> None:
        """A member of the size that `member_size` says, which stands at `offset` of the archive; RecordError."""
        field, data = member[12:14], member[HEADER.size : -len(EMPTY_BODY)]
        if not member.endswith(EMPTY_BODY):
            raise RecordError("a member of the archive's record is damaged")
        if self.mark is not None:
            raise RecordError("more follows the archive's end mark")
        if self.begin is None:
            self.begin = offset
        if field == END_FIELD:
            self.mark = data
            return
        self.payload += data
        if len(self.payload) > RECORD_BYTES_MAX:
            raise RecordError(TOO_LARGE)

    def refuse_content(self) -> None:
        """RecordError where a member with content follows the record's first."""
        if self.begin is not None:
            raise RecordError("the archive's content goes on behind its record")

    def read(self) -> ArchiveRecord | None:
        """The whole record; None if there is nothing of one; RecordError where what there is does not agree."""
        if self.begin is None:
            return None
        if self.mark is None or len(self.mark) != END.size:
            raise RecordError("the archive's end mark is missing")
        offset, size, digest = END.unpack(self.mark)
        payload = bytes(self.payload)
        if (offset, size, digest) != (self.begin, len(payload), hashlib.sha256(payload).digest()):
            raise RecordError("the archive's record is not the one that its end mark names")
        return ArchiveRecord(decode(payload), offset)


def decode(payload: bytes) -> dict[str, Any]:
    """The record in its compressed form; RecordError where it does not unpack to a JSON object of ASCII alone."""
    try:
        record = json.loads(
            inflated(payload).decode("ascii"),
            parse_int=bounded_int,
            parse_constant=refuse_constant,
            object_pairs_hook=each_key_once,
        )
    except (ValueError, RecursionError):
        raise RecordError(UNREADABLE) from None
    if not isinstance(record, dict):
        raise RecordError(UNREADABLE)
    return record


def inflated(payload: bytes) -> bytes:
    """The record's text; RecordError where it is none, or more than a record of ours can be."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload, RECORD_BYTES_MAX + 1)
    except zlib.error as error:
        if "Error -4 " in str(error):
            raise MemoryError from None
        raise RecordError(UNREADABLE) from None
    # Each value but the first of its kind has a comma before it, so this bounds them before any is made.
    if len(text) > RECORD_BYTES_MAX or text.count(b",") >= RECORD_VALUES_MAX:
        raise RecordError(TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise RecordError(UNREADABLE)
    return text


def bounded_int(digits: str) -> int:
    """The number; ValueError for one that nothing counts, since reading a long one takes hours in an old Python."""
    if len(digits) > INTEGER_CHARACTERS_MAX:
        raise ValueError("a number without end")
    return int(digits)


def refuse_constant(name: str) -> None:
    """ValueError: NaN and the infinities are no JSON."""
    raise ValueError(name)


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; ValueError where a key stands in it twice, since its readers would differ on which one counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found
