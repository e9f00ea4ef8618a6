"""From gzip to the database: all members in a row and nothing else, whoever wrote them (RFC 1952)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.inflate import GZIP_WITH_HEADER, zlib_error
from local.drill_program.record import ArchiveRecord, RecordParts, member_size
from local.drill_program.restored_file import PackedMember, RestoredFile

GZIP_MAGIC = b"\x1f\x8b"
# One of our members: a gzip header whose extra field P9 holds the member's own size and that of its raw content.
OUR_HEADER = struct.Struct("<4s6xH2sHII")
OUR_HEADER_START = (b"\x1f\x8b\x08\x04", 12, b"P9", 8)
MEMBER_MAX_BYTES = 64 << 20
FOREIGN_FIRST_BYTES = 4096
FOREIGN_READ_BYTES = 256 << 10
FOREIGN_INFLATED_BYTES = 1 << 20
ZEROS_READ_BYTES = 1 << 20
TRUNCATED = "the archive ends in the middle of a gzip member"


@dataclass(frozen=True)
class MemberSizes:
    """What one of our members says of itself: the bytes that it takes in the archive, and those of its raw content."""

    packed_bytes: int
    raw_bytes: int


@dataclass(frozen=True)
class UnpackedArchive:
    """What an archive tells of itself: the record that it carries, and whether a member of it is one of ours."""

    record: ArchiveRecord | None
    ours: bool


class ByteReader:
    """A stream of pieces, read by count."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.data, self.at = b"", 0
        self.taken = 0
        self.broke_off = False

    def peek(self, count: int) -> memoryview:
        """The next `count` bytes (fewer only at the end of the stream), which stay the next."""
        while len(self.data) - self.at < count:
            self.broke_off = True  # should `next` raise
            piece = next(self.pieces, b"")
            self.broke_off = False
            if not piece:
                break
            self.data, self.at = self.data[self.at :] + piece, 0
        return memoryview(self.data)[self.at : self.at + count]

    def take(self, count: int) -> memoryview:
        """The next `count` bytes (fewer only at the end of the stream), and move on behind them."""
        taken = self.peek(count)
        self.at += len(taken)
        self.taken += len(taken)
        return taken

    def put_back(self, count: int) -> None:
        """Move back by `count` of the bytes that were taken last."""
        self.at -= count
        self.taken -= count


def gunzip(archive: ByteReader, restored: RestoredFile) -> UnpackedArchive:
    """Write what the archive's members hold, and return what it tells of itself.

    Raises BackupWrongError where it is anything but whole members, with nothing but zeros behind them, or what there is
    of a record is not a whole one: for what comes first in the archive, however many cores are at work.
    """
    try:
        return unpack(archive, restored)
    except (BackupWrongError, NotCarriedOutError):
        if not archive.broke_off:
            restored.settle_all()
        raise


def unpack(archive: ByteReader, restored: RestoredFile) -> UnpackedArchive:
    """The same, but what is wrong with a member that is still under way comes later."""
    record, ours, first = RecordParts(), False, True
    while archive.peek(1):
        head = bytes(archive.peek(OUR_HEADER.size))
        if not head.startswith(GZIP_MAGIC):
            refuse_garbage(archive, first)
            break
        record_bytes, sizes = member_size(head), claimed_sizes(head)
        if record_bytes:
            add_record_member(archive, record_bytes, record)
        else:
            record.refuse_content()
            add_content(archive, sizes, restored)
        ours, first = ours or bool(sizes), False
    if first:
        raise BackupWrongError("the archive is empty")
    return UnpackedArchive(record.read(), ours)


def add_content(archive: ByteReader, sizes: MemberSizes | None, restored: RestoredFile) -> None:
    """Restore the next member: one of ours, of these sizes, on another core; another's here and now."""
    if sizes:
        add_member(archive, sizes, restored)
    else:
        append_foreign_member(archive, restored)


def refuse_garbage(archive: ByteReader, first: bool) -> None:
    """Read to the end; BackupWrongError unless it is the end of an archive, and all zeros."""
    if first:
        raise BackupWrongError("this is no gzip file")
    while archive.peek(1):
        if bytes(archive.take(ZEROS_READ_BYTES)).strip(b"\0"):
            raise BackupWrongError("garbage follows the last gzip member")


def add_record_member(archive: ByteReader, size: int, record: RecordParts) -> None:
    """Hand the next member, a part of the record, to those that were found."""
    offset = archive.taken
    member = bytes(archive.take(size))
    if len(member) < size:
        raise BackupWrongError(TRUNCATED)
    record.add(member, offset)


def claimed_sizes(head: bytes) -> MemberSizes | None:
    """The sizes that a member of ours tells in its header; None for another's, BackupWrongError if they cannot be."""
    if len(head) < OUR_HEADER.size:
        return None
    *start, packed_bytes, raw_bytes = OUR_HEADER.unpack(head)
    if tuple(start) != OUR_HEADER_START:
        return None
    if not OUR_HEADER.size < packed_bytes <= MEMBER_MAX_BYTES or raw_bytes > MEMBER_MAX_BYTES:
        raise BackupWrongError("a gzip member claims a size that none of ours has")
    return MemberSizes(packed_bytes, raw_bytes)


def add_member(archive: ByteReader, sizes: MemberSizes, restored: RestoredFile) -> None:
    """Hand the next member, one of ours, to another core."""
    packed = archive.take(sizes.packed_bytes)
    if len(packed) < sizes.packed_bytes:
        raise BackupWrongError(TRUNCATED)
    restored.add_member(PackedMember(packed, sizes.raw_bytes))


def append_foreign_member(archive: ByteReader, restored: RestoredFile) -> None:
    """Inflate the next member, which does not say its size, here and now."""
    inflater, count, data = zlib.decompressobj(GZIP_WITH_HEADER), FOREIGN_FIRST_BYTES, b""
    while not inflater.eof:
        if not data:
            data, count = bytes(archive.take(count)), min(2 * count, FOREIGN_READ_BYTES)
            if not data:
                raise BackupWrongError(TRUNCATED)
        try:
            raw = inflater.decompress(data, FOREIGN_INFLATED_BYTES)
        except zlib.error as error:
            raise zlib_error(error) from None
        restored.append(raw)
        data = inflater.unconsumed_tail
    archive.put_back(len(inflater.unused_data))
