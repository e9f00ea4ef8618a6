"""An archive's own record, read from its end without reading the archive."""

from __future__ import annotations

from typing import BinaryIO

from local.drill_program.record import (
    EMPTY_BODY,
    END,
    END_BYTES,
    END_FIELD,
    HEADER,
    RECORD_BYTES_MAX,
    TOO_LARGE,
    ArchiveRecord,
    RecordError,
    RecordParts,
    member_size,
)

# The end mark itself ends in so many zeros; more of them may follow it.
_MARK_ZEROS = 9
# Zeros are looked through in longer and longer blocks, since each may be a request.
_FIRST_BLOCK_BYTES = 4096
_BLOCK_BYTES_MAX = 4 << 20
# More of them are no padding: a sparse file of a terabyte would be read to its beginning at each listing.
ZEROS_BYTES_MAX = 256 << 20
# The longest record has some 4,200 pieces; each may be a request.
PIECES_MAX = 10_000


def read_end_mark(file: BinaryIO, size: int) -> bytes | None:
    """The end mark's data of an archive of `size` bytes: it names the record, and so the content; None without one."""
    found = _find_end_mark(file, size)
    return found[1] if found else None


def read_record(file: BinaryIO, size: int) -> ArchiveRecord | None:
    """The record of an archive of `size` bytes; None if it has no end mark; RecordError where it is not whole."""
    found = _find_end_mark(file, size)
    if found is None:
        return None
    end, mark = found
    at, length, _ = END.unpack(mark)
    if length > RECORD_BYTES_MAX:
        raise RecordError(TOO_LARGE)
    parts, pieces = RecordParts(), 0
    while at <= end and parts.mark is None:
        pieces += 1
        if pieces > PIECES_MAX:
            raise RecordError(TOO_LARGE)
        file.seek(at)
        head = file.read(HEADER.size)
        count = member_size(head)
        if count is None:
            raise RecordError("a member of the archive's record is damaged")
        parts.add(head + file.read(count - len(head)), at)
        at += count
    if at != end + END_BYTES:
        raise RecordError("the archive's record does not end where its end mark stands")
    return parts.read()


def _find_end_mark(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    """Where the end mark begins, and its data."""
    begin = _last_byte(file, size) + 1 + _MARK_ZEROS - END_BYTES
    if begin < 0:
        return None
    file.seek(begin)
    member = file.read(END_BYTES)
    if member_size(member) != END_BYTES or member[12:14] != END_FIELD or not member.endswith(EMPTY_BODY):
        return None
    return begin, member[HEADER.size : -len(EMPTY_BODY)]


def _last_byte(file: BinaryIO, size: int) -> int:
    """Where the last byte stands that is not zero; -1 where there is none among the last ZEROS_BYTES_MAX."""
    end, block_bytes = size, _FIRST_BLOCK_BYTES
    while end > max(0, size - ZEROS_BYTES_MAX):
        start = max(0, end - block_bytes)
        file.seek(start)
        rest = file.read(end - start).rstrip(b"\0")
        if rest:
            return start + len(rest) - 1
        end, block_bytes = start, min(2 * block_bytes, _BLOCK_BYTES_MAX)
    return -1
