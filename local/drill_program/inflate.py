"""One member of ours inflated: by zlib-ng where the order names one that works here, else by the standard library.

zlib-ng saves time and decides nothing: what it makes of a member counts where it took all of it, its CRC-32 was right,
and exactly as many bytes came out as the member claims. On whatever else the standard library has the last word.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import zlib
from collections.abc import Iterator
from typing import Any

from local.drill_program.errors import BackupWrongError, NotCarriedOutError

GZIP_WITH_HEADER = 31  # zlib's window bits for a whole gzip member
SLICE_BYTES = 1 << 20
ZLIB_NG = "drill.zlib_ng"  # under its own name it would hide the package that it comes from
PROBE = b"what zlib packs, zlib-ng unpacks; " * 99


def working_zlib_ng(path: str | None) -> Any:
    """The extension module in this file; None where there is none, or it does not unpack what zlib packed."""
    if not path:
        return None
    deflater = zlib.compressobj(wbits=GZIP_WITH_HEADER)
    packed = memoryview(deflater.compress(PROBE) + deflater.flush())
    loader = importlib.machinery.ExtensionFileLoader(ZLIB_NG, path)
    try:
        library = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(ZLIB_NG, loader, origin=path))
        loader.exec_module(library)
        return library if inflated_by(library, packed, len(PROBE)) == PROBE else None
    except (ImportError, AttributeError):  # no such file, one for another Python, or another library
        return None


def inflate(packed: memoryview, raw_bytes: int, zlib_ng: Any) -> Iterator[bytes]:
    """The content of one whole member, piece by piece; BackupWrongError unless it has exactly the sizes that it claims.

    Raises NotCarriedOutError where memory is lacking.
    """
    raw = inflated_by(zlib_ng, packed, raw_bytes) if zlib_ng else None
    if raw is None:
        yield from inflate_by_zlib(packed, raw_bytes)
    else:
        yield raw


def inflated_by(library: Any, packed: memoryview, raw_bytes: int) -> bytes | None:
    """The content of one whole member by zlib-ng's module; None unless it is `raw_bytes` long.

    Its decompressobj lets the output grow four times, which is a quarter of its work (*measured*); this one makes room
    for all of it at once. Its name is a private one: a version without it is done without.
    """
    inflater = library._ZlibDecompressor(GZIP_WITH_HEADER)
    try:
        raw: bytes = inflater.decompress(packed, raw_bytes + 1)
    except library.error:
        return None
    return raw if inflater.eof and not inflater.unused_data and len(raw) == raw_bytes else None


def inflate_by_zlib(packed: memoryview, raw_bytes: int) -> Iterator[bytes]:
    """The same by the standard library, which compares the CRC and the length at the member's end."""
    inflater, size = zlib.decompressobj(GZIP_WITH_HEADER), 0
    for at in range(0, len(packed), SLICE_BYTES):
        try:
            raw = inflater.decompress(packed[at : at + SLICE_BYTES], raw_bytes - size + 1)
        except zlib.error as error:
            raise zlib_error(error) from None
        size += len(raw)
        if size > raw_bytes or inflater.unconsumed_tail or inflater.unused_data:
            break
        yield raw
    if not inflater.eof or inflater.unused_data or size != raw_bytes:
        raise BackupWrongError("a gzip member is not of the size that it claims")


def zlib_error(error: zlib.error) -> Exception:
    """What zlib's error says of the backup: it is damaged, unless the error is a lack of memory (-4)."""
    kind = NotCarriedOutError if "Error -4 " in str(error) else BackupWrongError
    return kind(f"the gzip data is damaged: {error}")
