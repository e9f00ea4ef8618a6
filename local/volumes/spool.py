"""A file on disk in which zeros are holes, and a tar put together in another order from what stands in one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from local.drill_program.restored_file import write_at
from local.drill_program.tar_entries import padded
from local.volumes.tar_stream import PIECE_BYTES

# No file system has smaller holes.
_HOLE_BYTES = 4096
_BUFFER_BYTES = 1 << 20
# As much is on disk twice while a tar is put together.
_MOVED_BYTES = 16 << 20


class SpoolFile:
    """A new private file that is written from its start; `at` is how far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = 0
        self._file = os.fdopen(_create(path), "wb", buffering=_BUFFER_BYTES)

    def write(self, data: bytes | memoryview) -> None:
        """Append; zeros are left out, so that a sparse file takes no room."""
        if len(data) >= _HOLE_BYTES and _is_zeros(data):
            self._file.seek(len(data), os.SEEK_CUR)
        else:
            self._file.write(data)
        self.at += len(data)

    def write_padded(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Append a content, and the zeros that a tar has behind it."""
        start = self.at
        for piece in pieces:
            self.write(piece)
        size = self.at - start
        self.write(bytes(padded(size) - size))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All of it is in the file, which is as long as what was written."""
        with self._file:
            self._file.truncate(self.at)


@dataclass(frozen=True, slots=True)
class Span:
    """So many bytes at this place of the spool."""

    at: int
    length: int


@dataclass(frozen=True, slots=True)
class SpooledContent:
    """A file of its own, and the zeros behind it in a tar."""

    path: Path
    length: int


Part = Span | SpooledContent | bytes


def length_of(part: Part) -> int:
    """How many bytes of a tar it makes."""
    return len(part) if isinstance(part, bytes) else part.length


def joined(parts: Iterable[Part]) -> list[Part]:
    """The same parts, those that follow one another in the spool (or are in memory) as one."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Span) and isinstance(last, Span) and last.at + last.length == part.at:
            found[-1] = Span(last.at, last.length + part.length)
        elif isinstance(part, bytes) and isinstance(last, bytes) and len(last) < PIECE_BYTES:
            found[-1] = last + part
        elif length_of(part):
            found.append(part)
    return found


def assemble(spool: Path, parts: Sequence[Part], target: Path) -> int:
    """Make the new file `target` of the parts, in their order, and return its size; the spool is used up.

    Where it is the spool's start, that is renamed. Else each part goes to its place, the last in the spool first, and
    the spool is shortened behind it: so the data is on disk once, but for the piece that is being copied. Files of
    their own are removed once they are copied.
    """
    parts = joined(parts)
    size = sum(map(length_of, parts))
    places, at = [], 0
    for part in parts:
        places.append((at, part))
        at += length_of(part)
    if isinstance(parts[0], Span) and parts[0].at == 0 and all(isinstance(part, bytes) for part in parts[1:]):
        os.truncate(spool, parts[0].length)
        spool.rename(target)
        places = places[1:]
    else:
        os.close(_create(target))
    with target.open("r+b", buffering=0) as file:
        file.truncate(size)
        for place, part in places:
            if isinstance(part, bytes):
                _write_at(file, place, part)
        _move(spool, [(place, part) for place, part in places if isinstance(part, Span)], file)
        for place, part in places:
            if isinstance(part, SpooledContent):
                _copy(part.path, place, file)
    return size


def copy_span(spool: Path, span: Span, target: Path) -> None:
    """A part of the spool as a new private file; holes stay holes."""
    with SpoolFile(target) as copy, spool.open("rb") as file:
        file.seek(span.at)
        left = span.length
        while left:
            piece = file.read(min(left, PIECE_BYTES))
            if not piece:
                raise OSError(f"the spool ended at byte {file.tell()}")
            copy.write(piece)
            left -= len(piece)


def _is_zeros(data: bytes | memoryview) -> bool:
    return not data or (not data[0] and not data[-1] and bytes(data) == bytes(len(data)))


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _move(spool: Path, spans: list[tuple[int, Span]], target: FileIO) -> None:
    if not spans:
        return
    with spool.open("r+b", buffering=0) as file:
        for place, span in sorted(spans, key=lambda item: item[1].at, reverse=True):
            for start in reversed(range(0, span.length, _MOVED_BYTES)):
                length = min(_MOVED_BYTES, span.length - start)
                file.seek(span.at + start)
                _copy_run(file, length, place + start, target)
                file.truncate(span.at + start)
    spool.unlink()


def _copy(path: Path, place: int, target: FileIO) -> None:
    with path.open("rb", buffering=0) as file:
        _copy_run(file, path.stat().st_size, place, target)
    path.unlink()


def _copy_run(file: BinaryIO | FileIO, length: int, place: int, target: FileIO) -> None:
    end = place + length
    while place < end:
        piece = file.read(min(PIECE_BYTES, end - place))
        if not piece:
            raise OSError(f"a part of the tar is {end - place} bytes short")
        _write_at(target, place, piece)
        place += len(piece)


def _write_at(target: FileIO, place: int, data: bytes) -> None:
    if not _is_zeros(data):
        write_at(target.fileno(), data, place)
