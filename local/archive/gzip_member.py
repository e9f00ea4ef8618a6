"""One chunk of a file as one gzip member.

Members in a row are one gzip stream (RFC 1952, section 2.2), so `gunzip` restores the archive. Each says its own
compressed and raw size in its header's extra field, so that a drill can cut the stream and decompress in parallel.

libdeflate gives the smaller archive at every speed: of ISA-L's levels none came within 10 % of `gzip -6` on the
benchmark's data (*measured*). Its level is a function of what is written, never of how fast a link or a machine is just
now: the same content must give the same bytes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import deflate
from blake3 import blake3

_HEADER = struct.Struct("<4sIBBH2sHII")
_TRAILER = struct.Struct("<II")
_MAGIC_WITH_EXTRA = b"\x1f\x8b\x08\x04"
_OS_UNKNOWN = 255
_EXTRA_BYTES = 12
_SUBFIELD_BYTES = 8
# *Measured* on one core with 96 KiB a member, a text- and an index-heavy database: level 3 makes 158 and 119 MB/s,
# and an archive 8.6 and 2.2 % larger than `gzip -6`; level 6 88 MB/s, and 4.4 and 0.4 %; 9 42 MB/s, and 2.9 and 0.4 %.
FAST_LEVEL = 3
DENSE_LEVEL = 6
LEVELS = (FAST_LEVEL, DENSE_LEVEL)
# Level 6 keeps two cores busy for 1.5 s with so many bytes; a first archive of more is what a person waits for.
_FAST_FROM_BYTES = 256 * 1024 * 1024
DIGEST_BYTES = 16


class Member(NamedTuple):
    """What the archive's table tells of one member: sizes in bytes, the CRC-32 of its compressed bytes as they stand in
    the archive, the first 16 bytes of the BLAKE3 of its raw content, and at which level it was compressed.

    `changes` says in which of the last archives its place changed, bit 0 in this one; `marks` are then those of its
    pieces (`local.archive.heat`), by which a later run sees where in it the change was.
    """

    raw_bytes: int
    gzip_bytes: int
    crc: int
    digest: bytes
    level: int = DENSE_LEVEL
    changes: int = 0
    marks: bytes = b""

    def is_same_as(self, other: Member) -> bool:
        """Whether both are the same bytes, however they came to be."""
        return self[:4] == other[:4]


def level_for(size: int, is_first: bool) -> int:
    """The level for new members of a file of `size` bytes: what changes later is little, so it may take its time."""
    return FAST_LEVEL if is_first and size > _FAST_FROM_BYTES else DENSE_LEVEL


def compress(raw: bytes | memoryview, level: int = DENSE_LEVEL) -> bytes:
    """The chunk as a gzip member: no file name and no time in it, so the same bytes come out of the same library."""
    body = deflate.deflate_compress(raw, level)
    size = _HEADER.size + len(body) + _TRAILER.size
    header = _HEADER.pack(_MAGIC_WITH_EXTRA, 0, 0, _OS_UNKNOWN, _EXTRA_BYTES, b"P9", _SUBFIELD_BYTES, size, len(raw))
    return b"".join((header, body, _TRAILER.pack(deflate.crc32(raw), len(raw))))


def describe(raw: bytes | memoryview, packed: bytes, level: int = DENSE_LEVEL, digest: bytes | None = None) -> Member:
    """The table's entry for a member that holds `raw`, of whose place nothing is known; `digest` is raw's, if known."""
    return Member(len(raw), len(packed), crc_of(packed), digest or digest_of(raw), level)


def digest_of(raw: bytes | memoryview) -> bytes:
    """What two chunks of the same content have in common, and no others, nor can anybody make others.

    Every run digests every chunk: 9 GB/s with AVX-512 where SHA-256 with the processor's help makes 2 (*measured*).
    """
    return blake3(raw).digest(length=DIGEST_BYTES)


def crc_of(packed: bytes | memoryview) -> int:
    """What damage to a member's compressed bytes changes."""
    return deflate.crc32(packed)
