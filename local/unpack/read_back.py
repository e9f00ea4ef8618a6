"""The second pass over a tar: what stands on the disk is compared with it, and then becomes what the tar says.

Contents first, while everything can be read still; a file that its owner may not read is nothing rare in a volume.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry
from local.errors import StoreError
from local.unpack import attributes
from local.unpack.attributes import Unkept
from local.unpack.folders import ROOT, OpenFolders, parent_and_name
from local.unpack.refusals import refusals
from local.unpack.write import Advance, TreeWriter

_PIECE_BYTES = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_KINDS = {
    "file": stat.S_ISREG,
    "hard link": stat.S_ISREG,
    "symlink": stat.S_ISLNK,
    "FIFO": stat.S_ISFIFO,
    "folder": stat.S_ISDIR,
}


class TreeReader:
    """What `TreeWriter` wrote, read back entry by entry in the tar's order, and given owner, mode, time and attributes.

    `unkept` counts what this machine cannot keep of those. Raises StoreError where the disk holds anything else than
    the tar, InconclusiveError for what this machine refuses. `advance` hears of bytes.
    """

    def __init__(self, tar: BinaryIO, folders: OpenFolders, advance: Advance) -> None:
        self.unkept = Unkept()
        self._tar, self._open, self._advance = tar, folders, advance

    def add(self, entry: TarEntry) -> None:
        """The next entry of the tar; folders come last, with `finish`."""
        if entry.kind == "folder":
            return
        parent, name = parent_and_name(entry.path)
        with _still_there(entry):
            folder = self._open.open(parent)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            _require(_KINDS[entry.kind](found.st_mode), entry)
            if entry.kind == "hard link":
                self._same_file(entry, found)
            elif entry.kind == "symlink":
                self._symlink(entry, folder, name)
            else:
                self._opened(entry, folder, name)

    def finish(self, written: TreeWriter) -> None:
        """The folders, the deepest first, since what comes to be in one changes its time, and its mode may close it."""
        for path, entry in sorted(written.folders.items(), key=lambda each: _depth(each[0]), reverse=True):
            known = entry or _unnamed(path)
            with _still_there(known):
                descriptor = self._open.open(path)
                with os.scandir(descriptor) as entries:
                    _require(sum(1 for _ in entries) == written.children[path], known)
                if entry is None:
                    self.unkept.add("folder", path_text(path))
                else:
                    attributes.give(descriptor, entry, self.unkept)

    def _opened(self, entry: TarEntry, folder: int, name: bytes) -> None:
        descriptor = os.open(name, _READ, dir_fd=folder)
        try:
            if entry.kind == "file":
                self._content(entry, descriptor)
            attributes.give(descriptor, entry, self.unkept)
        finally:
            os.close(descriptor)

    def _content(self, entry: TarEntry, descriptor: int) -> None:
        _require(os.fstat(descriptor).st_size == entry.size, entry)
        if hasattr(os, "posix_fadvise"):  # so that it is the disk that is read, and not the memory it was written from
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        self._tar.seek(entry.offset)
        left = entry.size
        while left:
            piece = self._tar.read(min(_PIECE_BYTES, left))
            _require(bool(piece) and _read_all(descriptor, len(piece)) == piece, entry)
            left -= len(piece)
            self._advance(len(piece))

    def _symlink(self, entry: TarEntry, folder: int, name: bytes) -> None:
        _require(os.readlink(name, dir_fd=folder) == entry.link, entry)
        attributes.give_link(folder, name, entry, self.unkept)

    def _same_file(self, entry: TarEntry, found: os.stat_result) -> None:
        parent, first = parent_and_name(entry.link)
        other = os.stat(first, dir_fd=self._open.open(parent), follow_symlinks=False)
        _require(os.path.samestat(found, other), entry)


def _read_all(descriptor: int, count: int) -> bytes:
    pieces = []
    while count and (piece := os.read(descriptor, count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _depth(path: bytes) -> int:
    return 0 if path == ROOT else 1 + path.count(b"/")


def _unnamed(path: bytes) -> TarEntry:
    """A folder that has no entry of its own, for messages."""
    return TarEntry("folder", path, b"", 0o700, 0, 0, 0, 0, 0, ())


@contextmanager
def _still_there(entry: TarEntry) -> Iterator[None]:
    """What is gone, or is something else by now, is no refusal of the system's."""
    with refusals(entry):
        try:
            yield
        except OSError as error:
            _require(error.errno not in _GONE, entry)
            raise


def _require(is_so: bool, entry: TarEntry) -> None:
    if not is_so:
        came_back = f"{path_text(entry.path)} was written, and what stands there now is something else"
        mend = (
            "another program writes there, or the disk is failing: look at the kernel's log, choose another: --to PATH"
        )
        raise StoreError("restore: read back what was unpacked", f"{came_back}; it is removed again", mend)
