"""The entries of a tar that arrives piece by piece and is not trusted: it may be anything, and may break off anywhere.

An engine that cannot read on (a file shrank while it was read: Go's archive/tar gives up there) just ends its stream;
so nothing counts but a tar that is whole: every content as long as its header says, and the end mark behind the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.tar_entries import (
    EXTENDED_BYTES_MAX,
    EXTENDED_LETTERS,
    ExtendedHeaders,
    TarEntry,
    entry_of,
    padded,
)
from local.drill_program.tar_header import BLOCK_BYTES, parse_header

# A piece of content is looked at whole for zeros, and is in the processor's cache then.
PIECE_BYTES = 64 * 1024


class NotWholeError(Exception):
    """The stream is not a whole tar of what was asked for; the same look taken again may be."""


class TarStream:
    """The entries in a stream's chunks, and the content of the one at which it stands."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self._content = 0
        self._padding = 0

    def entries(self) -> Iterator[TarEntry]:
        """Each entry in its order, its `offset` without a meaning; what is not read of its content is passed over.

        Raises NotWholeError, in its turn, for whatever is no tar, or ends early, or goes on behind its end.
        """
        extended = ExtendedHeaders()
        try:
            while (block := self._exactly(BLOCK_BYTES)).strip(b"\0"):
                header = parse_header(block)
                if header.letter in EXTENDED_LETTERS:
                    extended.add(header.letter, self._payload(header.size))
                    continue
                entry, extended = entry_of(header, extended.records, 0), ExtendedHeaders()
                self._content, self._padding = entry.size, padded(entry.size) - entry.size
                yield entry
                for _ in self.content():
                    pass
                self._exactly(self._padding)
        except (BackupWrongError, NotCarriedOutError) as error:
            raise NotWholeError(str(error)) from error
        if extended.letters:
            raise NotWholeError("an extended header has no entry")
        self._read_end()

    def begins_with(self, start: bytes) -> bool:
        """Whether the content begins so, all of which is still to be read."""
        if self._content < len(start):
            return False
        while len(self._rest) < len(start):
            self._rest = memoryview(bytes(self._rest) + self._next_chunk())
        return self._rest[: len(start)] == start

    def content(self) -> Iterator[memoryview]:
        """What is still to be read of the content, in pieces of at most PIECE_BYTES."""
        while self._content:
            piece = self._some(min(self._content, PIECE_BYTES))
            self._content -= len(piece)
            yield piece

    def _payload(self, size_bytes: int) -> bytes:
        if not 0 <= size_bytes <= EXTENDED_BYTES_MAX:
            raise NotWholeError(f"an extended header claims {size_bytes} bytes")
        return self._exactly(padded(size_bytes))[:size_bytes]

    def _read_end(self) -> None:
        """The end mark's second block, and nothing but zeros until the stream ends."""
        if self._exactly(BLOCK_BYTES).strip(b"\0") or bytes(self._rest).strip(b"\0"):
            raise NotWholeError("its end mark is not whole")
        if any(chunk.strip(b"\0") for chunk in self._chunks):
            raise NotWholeError("more follows its end")

    def _exactly(self, count: int) -> bytes:
        pieces = []
        while count:
            pieces.append(self._some(count))
            count -= len(pieces[-1])
        return b"".join(pieces)

    def _some(self, most: int) -> memoryview:
        while not self._rest:
            self._rest = memoryview(self._next_chunk())
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece

    def _next_chunk(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise NotWholeError("it broke off: a file that shrinks while the engine reads it does that") from None
