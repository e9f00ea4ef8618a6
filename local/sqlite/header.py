"""How every file of a SQLite database begins (https://www.sqlite.org/fileformat2.html#the_database_header)."""

from __future__ import annotations

import struct

MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = struct.Struct(">16xH")
_PAGE_COUNT_AT = 28
_PAGE_COUNT = struct.Struct(">I")
# Written for 65,536, which its two bytes can't hold.
_LARGEST = 1
_SMALLEST = 512
_PAGES_MAX = 2**32 - 2


def foretold_first_page(former: bytes, size: int) -> bytes | None:
    """The first page of a copy of `size` bytes, if that of the former copy began so and only its size has changed.

    None where these are no bytes of a database, or of too little of one. A copy's header does not count its changes.
    """
    if not former.startswith(MAGIC) or len(former) < _PAGE_SIZE.size:
        return None
    (told,) = _PAGE_SIZE.unpack_from(former)
    page_bytes = 64 * 1024 if told == _LARGEST else told
    if not _SMALLEST <= page_bytes <= len(former) or size // page_bytes > _PAGES_MAX:
        return None
    page = bytearray(former[:page_bytes])
    _PAGE_COUNT.pack_into(page, _PAGE_COUNT_AT, size // page_bytes)
    return bytes(page)
