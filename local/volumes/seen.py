"""What one look at a volume sees of each entry, its path as the volume has it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import deflate

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry
from local.sqlite.header import MAGIC
from local.volumes.spool import Span
from local.volumes.tar_stream import NotWholeError, TarStream

ROOT = b"."
SQLITE_BYTES_MIN = 512
WAL, SHM, JOURNAL = b"-wal", b"-shm", b"-journal"
DEVICES = ("character device", "block device")


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry, two check sums of its content, and where that was kept, in a file of its own or with its header.

    `sha256` is of what SQLite may need alone, empty for others. Of a -wal that is kept in `file`, `start_bytes` stay as
    they are while it goes on, and `start_sha256` is of these; in a later look it is of as many as the earlier one told.
    `there` is what the volume's folder on this machine has there.
    """

    entry: TarEntry
    check_sums: tuple[int, int] = (0, 1)
    is_database: bool = False
    sha256: bytes = b""
    start_sha256: bytes = b""
    start_bytes: int = 0
    spooled: Span | None = None
    file: Path | None = None
    there: TarEntry | None = None


@dataclass(frozen=True, slots=True)
class ContentDigests:
    """What `Digesting` finds of a content."""

    check_sums: tuple[int, int]
    sha256: bytes
    start_sha256: bytes


class Digesting:
    """Digests a content as its pieces pass."""

    def __init__(self, for_sqlite: bool, start_bytes: int = 0) -> None:
        self._sums = (0, 1)
        self._whole = hashlib.sha256() if for_sqlite else None
        self._start, self._left = hashlib.sha256(), start_bytes

    def of(self, pieces: Iterable[memoryview]) -> Iterator[memoryview]:
        """The same pieces."""
        for piece in pieces:
            self._sums = deflate.crc32(piece, self._sums[0]), deflate.adler32(piece, self._sums[1])
            if self._whole:
                self._whole.update(piece)
                self._start.update(piece[: self._left])
                self._left -= min(self._left, len(piece))
            yield piece

    def digests(self) -> ContentDigests:
        """What they are, once all pieces have passed."""
        if not self._whole:
            return ContentDigests(self._sums, b"", b"")
        return ContentDigests(self._sums, self._whole.digest(), self._start.digest())


def is_database(stream: TarStream, entry: TarEntry) -> bool:
    """Whether the content that is to be read next is a file of SQLite's."""
    return entry.kind == "file" and entry.size >= SQLITE_BYTES_MIN and stream.begins_with(MAGIC)


def may_be_sqlites(path: bytes) -> bool:
    """Whether SQLite names its own files beside a database so."""
    return path.endswith((WAL, JOURNAL))


def own_file(folder: Path, path: bytes) -> Path:
    """Where the content of the entry at `path` is kept by itself: names are of any length, and of any bytes."""
    return folder / f"file-{hashlib.sha256(path).hexdigest()}"


def in_volume(stream: TarStream) -> Iterator[TarEntry]:
    """The entries of a look at a whole volume, their paths relative to it; its root (`.`) is the first.

    Engines put the container's path in front, or its last part. Raises NotWholeError for a path that is not in the
    volume, and for one that is told of twice.
    """
    root: bytes | None = None
    paths: set[bytes] = set()
    for entry in stream.entries():
        if root is None:
            if entry.kind != "folder":
                raise NotWholeError(f"it begins with {path_text(entry.path)}, a {entry.kind}, not with the folder")
            root = entry.path
        entry = _relative(entry, root, paths)
        if entry.path in paths:
            raise NotWholeError(f"{path_text(entry.path)} is in it twice")
        paths.add(entry.path)
        yield entry
    if root is None:
        raise NotWholeError("there is nothing in it, not even the volume's own folder")


def _relative(entry: TarEntry, root: bytes, paths: set[bytes]) -> TarEntry:
    path = _below(entry.path, root)
    if path is None:
        raise NotWholeError(f"{path_text(entry.path)} is not in {path_text(root)}")
    if entry.kind != "hard link":
        return replace(entry, path=path)
    # Some who write a tar put nothing in front of a link's target.
    below = _below(entry.link, root)
    is_below = below in paths or entry.link not in paths
    return replace(entry, path=path, link=below if below is not None and is_below else entry.link)


def _below(path: bytes, root: bytes) -> bytes | None:
    if b".." in path.split(b"/"):
        return None
    if path == root:
        return ROOT
    if root == b".":
        return None if path.startswith(b"/") else path
    start = root.rstrip(b"/") + b"/"
    return path[len(start) :] if path.startswith(start) else None
