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
    ArchiveRecord,
    RecordError,
    RecordParts,
    member_size,
)

# The end mark itself ends in so many zeros; more of them may follow it.
_MARK_ZEROS = 9
_ZEROS_BLOCK_BYTES = 4096


def read_end_mark(file: BinaryIO, size: int) -> bytes | None:
    """The end mark's data of an archive of `size` bytes: it names the record, and so the content; None without one."""
    begin = _last_byte(file, size) + 1 + _MARK_ZEROS - END_BYTES
    if begin < 0:
        return None
    file.seek(begin)
    member = file.read(END_BYTES)
    if member_size(member) != END_BYTES or member[12:14] != END_FIELD or not member.endswith(EMPTY_BODY):
        return None
    return member[HEADER.size : -len(EMPTY_BODY)]


def _last_byte(file: BinaryIO, size: int) -> int:
    """Where the last byte stands that is not zero; -1 where there is none."""
    end = size
    while end > 0:
        start = max(0, end - _ZEROS_BLOCK_BYTES)
        file.seek(start)
        rest = file.read(end - start).rstrip(b"\0")
        if rest:
            return start + len(rest) - 1
        end = start
    return -1


def read_record(file: BinaryIO, size: int) -> ArchiveRecord | None:
    """The record of an archive of `size` bytes; None if it has no end mark; RecordError where it is not whole."""
    mark = read_end_mark(file, size)
    if mark is None:
        return None
    offset, length, _ = END.unpack(mark)
    if offset > size or length > RECORD_BYTES_MAX:
        raise RecordError("the archive's end mark names a place that is not there")
    parts = RecordParts()
    at = offset
    while parts.mark is None:
        file.seek(at)
        head = file.read(HEADER.size)
        count = member_size(head)
        if count is None:
            raise RecordError("a member of the archive's record is damaged")
        parts.add(head + file.read(count - len(head)), at)
        at += count
    return parts.read()
