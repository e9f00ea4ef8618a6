"""One block of a tar file read strictly: ustar (POSIX.1-1988), its numbers as GNU writes them, and PAX's records.

The formats: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html (ustar, pax) and
https://www.gnu.org/software/tar/manual/html_node/Standard.html (GNU). Readers of tar guess where a header is odd, each
in its own way; this one raises BackupWrongError, so that what it reads is what any of them unpacks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from local.drill_program.errors import BackupWrongError

BLOCK_BYTES = 512
POSIX_MAGIC = b"ustar\x0000"
CHECKSUM_FIELD = slice(148, 156)
OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
DECIMAL = re.compile(rb"[0-9]{1,19}")
SECONDS = re.compile(rb"(-?)([0-9]{1,12})(?:\.([0-9]{0,64}))?")
RECORD_LENGTH = re.compile(rb"([1-9][0-9]{0,8}) ")
NANOSECONDS = 10**9


@dataclass(frozen=True)
class TarHeader:
    """What one block says: the type's letter, and the name and numbers as far as no extended header says otherwise."""

    letter: bytes
    name: bytes
    link: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int


def parse_header(block: bytes) -> TarHeader:
    """The header in a block of BLOCK_BYTES; BackupWrongError unless its check sum is right and its numbers read."""
    blanked = block[: CHECKSUM_FIELD.start] + b" " * 8 + block[CHECKSUM_FIELD.stop :]
    if tar_number(block[CHECKSUM_FIELD]) != sum(blanked):
        raise BackupWrongError("the tar is damaged: the check sum of a header is wrong")
    for device_number in (block[329:337], block[337:345]):
        tar_number(device_number)  # of what is no device too: some tars read it, and refuse the header
    name = until_nul(block[:100])
    prefix = until_nul(block[345:500]) if block[257:265] == POSIX_MAGIC else b""
    return TarHeader(
        letter=block[156:157],
        name=prefix + b"/" + name if prefix else name,
        link=until_nul(block[157:257]),
        mode=tar_number(block[100:108]),
        uid=tar_number(block[108:116]),
        gid=tar_number(block[116:124]),
        size=tar_number(block[124:136]),
        mtime=tar_number(block[136:148]),
    )


def until_nul(field: bytes) -> bytes:
    """The text in a field of fixed width."""
    return field.partition(b"\0")[0]


def tar_number(field: bytes) -> int:
    """The number in a field: octal digits, or GNU's base 256, which sets the first bit; BackupWrongError if neither."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF:
        return int.from_bytes(field, "big", signed=True)
    octal = OCTAL.fullmatch(field)
    if not octal:
        raise BackupWrongError("the tar is damaged: a number in a header does not read")
    return int(octal[1] or b"0", 8)


def parse_records(payload: bytes) -> dict[bytes, bytes]:
    """The values of a PAX header by keyword; BackupWrongError unless it is whole records, each keyword once."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(payload):
        length = RECORD_LENGTH.match(payload, at)
        end = at + int(length[1]) if length else 0
        if not length or not length.end() < end <= len(payload) or payload[end - 1 : end] != b"\n":
            raise BackupWrongError("the tar is damaged: an extended header does not read")
        keyword, is_there, value = payload[length.end() : end - 1].partition(b"=")
        if not (keyword and is_there) or keyword in records:
            raise BackupWrongError("the tar is damaged: an extended header has a keyword twice, or none")
        records[keyword] = value
        at = end
    return records


def pax_number(value: bytes) -> int:
    """A count in a PAX record; BackupWrongError for what is none."""
    if not DECIMAL.fullmatch(value):
        raise BackupWrongError("the tar is damaged: a number in an extended header does not read")
    return int(value)


def pax_nanoseconds(value: bytes) -> int:
    """A time in a PAX record in nanoseconds since 1970, what is finer cut off; BackupWrongError for what is none."""
    seconds = SECONDS.fullmatch(value)
    if not seconds:
        raise BackupWrongError("the tar is damaged: a time in an extended header does not read")
    fraction = (seconds[3] or b"")[:9].ljust(9, b"0")
    count = int(seconds[2]) * NANOSECONDS + int(fraction)
    return -count if seconds[1] else count
