"""How every file of a SQLite database begins (https://www.sqlite.org/fileformat2.html#the_database_header)."""

from __future__ import annotations

import struct

MAGIC = b"SQLite format 3\0"
LARGEST_PAGE_BYTES = 65536
_SMALLEST_PAGE_BYTES = 512
_HEADER_BYTES = 100
_PAGE_COUNT_AT = 28
_PAGE_COUNT = struct.Struct(">I")
_PAGES_MAX = 2**32 - 2


def header_page_bytes(header: bytes) -> int | None:
    """The page size in a database's header (fileformat2.html, 1.3: 1 stands for 65,536); None if it is none."""
    if not header.startswith(MAGIC) or len(header) < _HEADER_BYTES:
        return None
    size = int.from_bytes(header[16:18], "big")
    return LARGEST_PAGE_BYTES if size == 1 else size


def foretold_first_page(former: bytes, size: int) -> bytes | None:
    """The first page of a copy of `size` bytes, if that of the former copy began so and only its size has changed.

    None where these are no bytes of a database, or of too little of one. A copy's header does not count its changes.
    """
    page_bytes = header_page_bytes(former)
    if page_bytes is None or not _SMALLEST_PAGE_BYTES <= page_bytes <= len(former):
        return None
    if size // page_bytes > _PAGES_MAX:
        return None
    page = bytearray(former[:page_bytes])
    _PAGE_COUNT.pack_into(page, _PAGE_COUNT_AT, size // page_bytes)
    return bytes(page)
