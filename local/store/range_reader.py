"""A content of a store as a file that is read here and there."""

from __future__ import annotations

import io

from local.store.interface import Entry, Store

# The end of an archive that is fetched at once: the record of a database of a gigabyte.
TAIL_BYTES = 512 * 1024


class RangeReader(io.RawIOBase):
    """A content of the store as a file that is read here and there; its end is fetched at once."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store = store
        self._entry = entry
        self._at = 0
        self._begin = max(0, entry.size - TAIL_BYTES)
        self._tail = b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`, from the beginning only."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the beginning")
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes."""
        end = self._entry.size if size < 0 else min(self._at + size, self._entry.size)
        if self._at < self._begin:
            data = self._store.read_range(self._entry, self._at, end - self._at)
        else:
            self._tail = self._tail or self._store.read_range(self._entry, self._begin, self._entry.size - self._begin)
            data = self._tail[self._at - self._begin : end - self._begin]
        self._at += len(data)
        return data
