"""The SHA-256 of a file, begun while the file is still being copied."""

from __future__ import annotations

import hashlib
from threading import Condition

from local.archive import chunks
from local.archive.reading import read_chunk

# Long reads: between two of them a thread waits for its turn among those that compress.
_READ_BYTES = 8 * 1024 * 1024


class FileDigest:
    """Takes a file's beginning from several threads, each of which has one stretch of it, and reads the rest itself."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._taken = 0
        self._dropped = False
        self._turn = Condition()

    def take(self, offset: int, data: bytes) -> None:
        """The bytes from `offset` on; waits for the thread that has those before them."""
        with self._turn:
            self._turn.wait_for(lambda: self._dropped or self._taken == offset)
            if self._dropped:
                return
        self._sha256.update(data)
        with self._turn:
            self._taken += len(data)
            self._turn.notify_all()

    @property
    def taken(self) -> int:
        """How many bytes of the file need not be read again."""
        return 0 if self._dropped else self._taken

    def drop(self) -> None:
        """What was taken is not the file's: all of it will be read. Nobody waits any more."""
        with self._turn:
            self._dropped = True
            self._turn.notify_all()

    def finish(self, file: int, size: int) -> str:
        """In hexadecimal, once nobody takes any more; the rest is read from the descriptor. OSError as it comes."""
        digest = hashlib.sha256() if self._dropped else self._sha256
        for chunk in chunks.pieces((self.taken, size - self.taken), _READ_BYTES):
            digest.update(read_chunk(file, chunk))
        return digest.hexdigest()
