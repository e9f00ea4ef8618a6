"""An entry's header as a volume's tar has it: the same entry gives the same bytes, whichever engine told of it.

The format is POSIX.1-2001's (pax: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html): a plain ustar
header, and before it an extended one for what does not fit: a longer path, a larger number, a fraction of a second, or
a time before 1970. Owners are numbers; an extended attribute is written as star, GNU tar and Go do (`SCHILY.xattr.`).
"""

from __future__ import annotations

import struct

from local.drill_program.tar_entries import XATTR_KEYWORD, TarEntry, padded
from local.drill_program.tar_header import BLOCK_BYTES, NANOSECONDS

END_MARK = bytes(2 * BLOCK_BYTES)
_LETTERS = {"file": b"0", "hard link": b"1", "symlink": b"2", "folder": b"5", "FIFO": b"6"}
_EXTENDED = b"x"
_EXTENDED_NAME = b"././@PaxHeader"
_EXTENDED_MODE = 0o644
_NO_DEVICE = b"0000000\0"
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_MAGIC = b"ustar\x0000"
_NAME_BYTES = 100
_PREFIX_BYTES = 155
_ID_MAX = 8**7 - 1
_LARGE_MAX = 8**11 - 1


def header(entry: TarEntry) -> bytes:
    """The blocks before the entry's content: its header, after an extended one where a plain one cannot tell all.

    Its path is relative to the volume; a byte of a name that is no UTF-8 stands as it is. The kind is no device.
    """
    records: dict[bytes, bytes] = {}
    name = b"./" if entry.path == b"." else b"./" + entry.path + b"/" * (entry.kind == "folder")
    link = b"./" + entry.link if entry.kind == "hard link" else entry.link
    prefix, short = _split(name) or (b"", b"")
    if not short:
        records[b"path"], short = name, name[:_NAME_BYTES]
    if len(link) > _NAME_BYTES:
        records[b"linkpath"] = link
    if not all(is_utf8(value) for value in records.values()):
        records[b"hdrcharset"] = b"BINARY"
    numbers = {
        b"uid": _small(records, b"uid", entry.uid, _ID_MAX),
        b"gid": _small(records, b"gid", entry.gid, _ID_MAX),
        b"size": _small(records, b"size", entry.size, _LARGE_MAX),
        b"mtime": _seconds(records, entry.mtime_ns),
    }
    for attribute, value in entry.xattrs:
        records[XATTR_KEYWORD + _without_equals(attribute)] = value
    plain = _block(_LETTERS[entry.kind], prefix, short, entry.mode, link[:_NAME_BYTES], numbers)
    return _extended(records) + plain if records else plain


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """The name in ustar's two fields, at the first `/` at which both parts fit; None where they do at none."""
    if len(name) <= _NAME_BYTES:
        return b"", name
    at = name.find(b"/", len(name) - _NAME_BYTES - 1, len(name) - 1)
    return (name[:at], name[at + 1 :]) if 0 < at <= _PREFIX_BYTES else None


def _small(records: dict[bytes, bytes], keyword: bytes, number: int, most: int) -> int:
    """The number for the plain header, which is 0 where only the extended one can tell it."""
    if number <= most:
        return number
    records[keyword] = b"%d" % number
    return 0


def _seconds(records: dict[bytes, bytes], mtime_ns: int) -> int:
    """The time for the plain header; the extended one tells it wherever that is not all of it."""
    seconds, fraction = divmod(abs(mtime_ns), NANOSECONDS)
    if mtime_ns >= 0 and not fraction and seconds <= _LARGE_MAX:
        return seconds
    decimals = (b".%09d" % fraction).rstrip(b"0") if fraction else b""
    records[b"mtime"] = b"-" * (mtime_ns < 0) + b"%d" % seconds + decimals
    return seconds if mtime_ns >= 0 and seconds <= _LARGE_MAX else 0


def _without_equals(attribute: bytes) -> bytes:
    """An attribute's name in a keyword, which ends at the first `=`: GNU tar writes and reads it so (xattrs.c)."""
    return attribute.replace(b"%", b"%25").replace(b"=", b"%3D")


def _extended(records: dict[bytes, bytes]) -> bytes:
    payload = b"".join(_record(keyword, records[keyword]) for keyword in sorted(records, key=_charset_first))
    numbers = {b"uid": 0, b"gid": 0, b"size": len(payload), b"mtime": 0}
    block = _block(_EXTENDED, b"", _EXTENDED_NAME, _EXTENDED_MODE, b"", numbers)
    return block + payload.ljust(padded(len(payload)), b"\0")


def _charset_first(keyword: bytes) -> tuple[bool, bytes]:
    """POSIX: hdrcharset holds for the records behind it."""
    return keyword != b"hdrcharset", keyword


def _record(keyword: bytes, value: bytes) -> bytes:
    """`LENGTH KEYWORD=VALUE\\n`, where the length counts its own digits."""
    rest = b" " + keyword + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(rest) + len(b"%d" % length) != length:
        length = len(rest) + len(b"%d" % length)
    return b"%d" % length + rest


def _block(letter: bytes, prefix: bytes, name: bytes, mode: int, link: bytes, numbers: dict[bytes, int]) -> bytes:
    fields = [
        name,
        b"%07o\0" % mode,
        b"%07o\0" % numbers[b"uid"],
        b"%07o\0" % numbers[b"gid"],
        b"%011o\0" % numbers[b"size"],
        b"%011o\0" % numbers[b"mtime"],
        b" " * 8,
        letter,
        link,
        _MAGIC,
        b"",
        b"",
        _NO_DEVICE,
        _NO_DEVICE,
        prefix,
    ]
    fields[6] = b"%06o\0 " % sum(_HEADER.pack(*fields))
    return _HEADER.pack(*fields)


def is_utf8(raw: bytes) -> bool:
    """Whether this is text in UTF-8, as most names are."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
