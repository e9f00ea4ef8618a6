"""What is read by offset and length, a store's content or a part of a file, as a file that is read here and there."""

from __future__ import annotations

import io
from collections.abc import Callable

# The end of an archive that is fetched at once: the record of a database of a gigabyte.
TAIL_BYTES = 512 * 1024


class RangeReader(io.RawIOBase):
    """`size` bytes, of which `read_range` gives those at an offset, so many; their end is fetched at once."""

    def __init__(self, read_range: Callable[[int, int], bytes], size: int) -> None:
        self._read_range = read_range
        self._size = size
        self._at = 0
        self._begin = max(0, size - TAIL_BYTES)
        self._tail = b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`, from the beginning only."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the beginning")
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        if self._at < self._begin:
            data = self._read_range(self._at, end - self._at)
        else:
            self._tail = self._tail or self._read_range(self._begin, self._size - self._begin)
            data = self._tail[self._at - self._begin : end - self._begin]
        self._at += len(data)
        return data
