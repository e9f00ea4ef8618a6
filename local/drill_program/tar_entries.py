"""The entries of a tar file, read strictly to its end: ustar, PAX, and GNU's long names and large numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.tar_header import (
    BLOCK_BYTES,
    NANOSECONDS,
    TarHeader,
    parse_header,
    parse_records,
    pax_nanoseconds,
    pax_number,
)

# What an entry is, by the letter in its header.
ENTRY_KINDS = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hard link",
    b"2": "symlink",
    b"3": "character device",
    b"4": "block device",
    b"5": "folder",
    b"6": "FIFO",
}
GNU_KEYWORDS = {b"L": b"path", b"K": b"linkpath"}
EXTENDED_LETTERS = (*GNU_KEYWORDS, b"x", b"g")
# Of one extended header. Linux lists at most 64 KiB of attributes' names, and each holds at most 64 KiB.
EXTENDED_BYTES_MAX = 8 << 20
ID_MAX = 2**32 - 1
XATTR_KEYWORD = b"SCHILY.xattr."
SPARSE_KEYWORD = b"GNU.sparse."
# Tars differ in how they read a global header with one of these.
CHANGING_KEYWORDS = (b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime")
PIECE_BYTES = 1 << 20
ENDS_EARLY = "the tar has no end: it was cut short"


@dataclass(frozen=True)
class TarEntry:
    """One entry as it stands in a tar, whatever a drill thinks of it.

    `kind` is one of ENTRY_KINDS. `path` has no `.`, empty or trailing part (`./a/` is `a`, the root itself `.`); a
    leading `/` and each `..` stay. A hard link's `link` is written so too; a symlink's is the text that it holds, every
    other's empty. `mode` is the permission bits, `mtime_ns` since 1970, `xattrs` names and values, sorted. The content
    is the `size` bytes at `offset` of the tar.
    """

    kind: str
    path: bytes
    link: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int
    offset: int
    xattrs: tuple[tuple[bytes, bytes], ...]


@dataclass
class ExtendedHeaders:
    """What stands before an entry, for it alone, by PAX's keywords: at most one extended header of each kind."""

    letters: list[bytes] = field(default_factory=list)
    records: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, letter: bytes, payload: bytes) -> None:
        """One more extended header.

        BackupWrongError where there is one of its kind or one that says the same, and for a global one that changes
        entries.
        """
        keyword = GNU_KEYWORDS.get(letter)
        if keyword and not payload.endswith(b"\0"):
            raise BackupWrongError("the tar is damaged: a long name in it has no end")
        records = {keyword: payload.rstrip(b"\0")} if keyword else parse_records(payload)
        if letter == b"g":
            refuse_changing(records)
        elif letter in self.letters or not self.records.keys().isdisjoint(records):
            raise BackupWrongError("the tar is damaged: two extended headers say the same of one entry")
        else:
            self.records.update(records)
        self.letters.append(letter)


def read_entries(file: BinaryIO) -> Iterator[TarEntry]:
    """The entries of the tar in a file that can seek, whose place is moved between them, in their order.

    Raises BackupWrongError, in its turn, where the file is no tar, ends early, holds a header that is damaged or that
    tars read in different ways, or has anything but zeros behind its end mark (two blocks of zeros); NotCarriedOutError
    for a sparse file, which it does not read. Memory is bounded by one entry's extended headers.
    """
    size_bytes = file.seek(0, 2)
    at, extended = 0, ExtendedHeaders()
    while True:
        file.seek(at)
        block = read_block(file)
        if not block.strip(b"\0"):
            break
        header, at = first_or_later_header(block, at), at + BLOCK_BYTES
        if header.letter in EXTENDED_LETTERS:
            extended.add(header.letter, read_payload(file, header.size))
            at += padded(header.size)
            continue
        entry = entry_of(header, extended.records, at)
        at, extended = at + padded(entry.size), ExtendedHeaders()
        if at > size_bytes:
            raise BackupWrongError(ENDS_EARLY)
        yield entry
    if extended.letters:
        raise BackupWrongError("the tar is damaged: an extended header has no entry")
    refuse_more(file)


def content_of(file: BinaryIO, entry: TarEntry) -> Iterator[bytes]:
    """The entry's content in pieces, from the file in which it stands; NotCarriedOutError where that is shorter."""
    file.seek(entry.offset)
    left_bytes = entry.size
    while left_bytes:
        piece = file.read(min(left_bytes, PIECE_BYTES))
        if not piece:
            raise NotCarriedOutError("the tar became shorter while it was read")
        left_bytes -= len(piece)
        yield piece


def first_or_later_header(block: bytes, at: int) -> TarHeader:
    """The header in the block at this place of the tar; BackupWrongError where none is."""
    try:
        return parse_header(block)
    except BackupWrongError:
        if at == 0:
            raise BackupWrongError("this is no tar file, or its very first header is damaged") from None
        raise


def read_payload(file: BinaryIO, size_bytes: int) -> bytes:
    """An extended header's content; BackupWrongError where it is more than any needs, or than there is."""
    if not 0 <= size_bytes <= EXTENDED_BYTES_MAX:
        raise BackupWrongError(f"an extended header in the tar claims {size_bytes} bytes")
    payload = file.read(size_bytes)
    if len(payload) < size_bytes:
        raise BackupWrongError(ENDS_EARLY)
    return payload


def read_block(file: BinaryIO) -> bytes:
    """The next block; BackupWrongError where the tar ends before it is whole."""
    block = file.read(BLOCK_BYTES)
    if len(block) < BLOCK_BYTES:
        raise BackupWrongError(ENDS_EARLY)
    return block


def padded(size_bytes: int) -> int:
    """The bytes that content of this size takes in a tar."""
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


def refuse_more(file: BinaryIO) -> None:
    """Read on behind the end mark's first block; BackupWrongError without the second, or for more than zeros."""
    if read_block(file).strip(b"\0"):
        raise BackupWrongError("the tar is damaged: its end mark is not whole")
    for rest in iter(lambda: file.read(PIECE_BYTES), b""):
        if rest.strip(b"\0"):
            raise BackupWrongError("more follows the end of the tar")


def refuse_changing(records: dict[bytes, bytes]) -> None:
    """BackupWrongError for a global header that would change every entry behind it."""
    if any(keyword in CHANGING_KEYWORDS or keyword.startswith((XATTR_KEYWORD, SPARSE_KEYWORD)) for keyword in records):
        raise BackupWrongError("a global header in the tar changes entries, which tars read in different ways")


def entry_of(header: TarHeader, records: dict[bytes, bytes], offset: int) -> TarEntry:
    """The entry that a header and its extended headers make; raises what `read_entries` raises."""
    name, link = records.get(b"path", header.name), records.get(b"linkpath", header.link)
    if header.letter == b"S" or any(keyword.startswith(SPARSE_KEYWORD) for keyword in records):
        raise NotCarriedOutError("the tar holds a sparse file in GNU's form, which the drill does not read")
    kind = ENTRY_KINDS.get(header.letter)
    if kind is None:
        raise BackupWrongError("the tar holds an entry of a type that no backup has")
    if b"\0" in name + link:
        raise BackupWrongError("the tar is damaged: a path has a NUL in it")
    if kind == "file" and name.endswith(b"/"):  # as tars before POSIX wrote a folder
        kind = "folder"
    size = pax_number(records[b"size"]) if b"size" in records else header.size
    if size < 0 or (size and kind != "file"):
        raise BackupWrongError(f"a {kind} in the tar claims {size} bytes of content")
    return TarEntry(
        kind=kind,
        path=plain_path(name),
        link=plain_path(link) if kind == "hard link" else link if kind == "symlink" else b"",
        mode=header.mode & 0o7777,
        uid=owner_number(records.get(b"uid"), header.uid),
        gid=owner_number(records.get(b"gid"), header.gid),
        mtime_ns=pax_nanoseconds(records[b"mtime"]) if b"mtime" in records else header.mtime * NANOSECONDS,
        size=size,
        offset=offset,
        xattrs=xattrs_of(records),
    )


def xattrs_of(records: dict[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """The extended attributes' names and values, sorted."""
    named = ((keyword, value) for keyword, value in records.items() if keyword.startswith(XATTR_KEYWORD))
    return tuple(sorted((keyword[len(XATTR_KEYWORD) :], value) for keyword, value in named))


def owner_number(recorded: bytes | None, otherwise: int) -> int:
    """A user's or group's number; BackupWrongError for one that Linux does not have."""
    number = otherwise if recorded is None else pax_number(recorded)
    if not 0 <= number <= ID_MAX:
        raise BackupWrongError(f"an entry in the tar has the owner {number}, which no system has")
    return number


def plain_path(path: bytes) -> bytes:
    """The path without what says nothing: parts that are `.` or empty; the root itself is `.`, no path stays none."""
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if path.startswith(b"/"):
        return b"/" + b"/".join(parts)
    return b"/".join(parts) or path[:1]
