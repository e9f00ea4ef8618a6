"""The record that an archive carries of itself: content and record are one commit, and a lone file proves itself.

Empty gzip members stand at the archive's end, which every gunzip skips (RFC 1952 allows them); their extra fields hold
the record, compressed JSON cut in pieces. The very last member is the end mark, of fixed size: where the record begins,
how long it is and its SHA-256. After it stands nothing, or zeros. busybox refuses extra fields of 30,000 bytes.
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
RECORD_BYTES_MAX = 256 << 20
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
            raise RecordError("the archive's record is larger than any of ours")

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
    """The record in its compressed form; RecordError where it does not unpack to a JSON object."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload, RECORD_BYTES_MAX)
        record = json.loads(text)
    except (ValueError, zlib.error, RecursionError):
        raise RecordError("the archive's record does not unpack") from None
    if not inflater.eof or not isinstance(record, dict):
        raise RecordError("the archive's record does not unpack")
    return record
