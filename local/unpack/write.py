"""The first pass over a tar: every entry comes to be in the new folder, private still, and nothing else does."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable
from typing import BinaryIO

from local.drill_program.file_list import path_text
from local.drill_program.restored_file import write_at
from local.drill_program.tar_entries import TarEntry
from local.unpack.folders import ROOT, OpenFolders, parent_and_name, refused, require_inside
from local.unpack.refusals import name_is_taken, not_unpacked, refusals

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE_BYTES = 1 << 20
# File systems keep holes in blocks of this size, or larger ones.
_HOLE_BYTES = 4096
_ZEROS = bytes(_HOLE_BYTES)

Advance = Callable[[int], None]


class TreeWriter:
    """What a tar holds, written entry by entry below a folder that is open.

    `folders` are those that stand there, with the entry of each (None: it has none in the tar), `children` how many
    entries stand in each. Files are 0600 and folders 0700 as long as not all is there. `advance` hears of bytes.
    Raises StoreError for an entry that no backup has, InconclusiveError for what this machine refuses.
    """

    def __init__(self, tar: BinaryIO, folders: OpenFolders, advance: Advance) -> None:
        self.folders: dict[bytes, TarEntry | None] = {ROOT: None}
        self.children: Counter[bytes] = Counter()
        self._tar, self._open, self._advance = tar, folders, advance
        self._make = {
            "file": self._file,
            "hard link": self._hard_link,
            "symlink": self._symlink,
            "FIFO": self._fifo,
        }

    def add(self, entry: TarEntry) -> None:
        """The next entry of the tar."""
        require_inside(entry.path)
        with refusals(entry):
            if entry.kind == "folder":
                self._folder(entry.path)
                self.folders[entry.path] = entry
                return
            if entry.kind not in self._make or entry.path == ROOT:
                raise refused(f"it holds {path_text(entry.path)!r} as a {entry.kind}")
            parent, name = parent_and_name(entry.path)
            descriptor = self._parent(parent)
            try:
                self._make[entry.kind](entry, descriptor, name)
            except FileExistsError:
                raise name_is_taken(descriptor, name, entry.path) or _twice(entry.path) from None
            self.children[parent] += 1

    def _parent(self, path: bytes) -> int:
        """The folder of that path, made where the tar has not named it; every one on the way was made here."""
        if path not in self.folders:
            at = ROOT
            for part in path.split(b"/"):
                at = part if at == ROOT else at + b"/" + part
                self._folder(at)
        return self._open.open(path)

    def _folder(self, path: bytes) -> None:
        if path in self.folders:
            return
        parent, name = parent_and_name(path)
        if parent not in self.folders:
            self._parent(parent)
        descriptor = self._open.open(parent)
        try:
            os.mkdir(name, 0o700, dir_fd=descriptor)
        except FileExistsError:
            told = f"it holds {path_text(path)!r} as a folder and as something else"
            raise name_is_taken(descriptor, name, path) or refused(told) from None
        self.folders[path] = None
        self.children[parent] += 1

    def _file(self, entry: TarEntry, folder: int, name: bytes) -> None:
        made = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
        try:
            self._tar.seek(entry.offset)
            at = 0
            while at < entry.size:
                piece = self._tar.read(min(_PIECE_BYTES, entry.size - at))
                if not piece:
                    raise refused(f"it ends within {path_text(entry.path)!r}")
                write_with_holes(made, piece, at)
                at += len(piece)
                self._advance(len(piece))
            os.ftruncate(made, entry.size)
        finally:
            os.close(made)

    def _hard_link(self, entry: TarEntry, folder: int, name: bytes) -> None:
        require_inside(entry.link)
        parent, first = parent_and_name(entry.link)
        if parent not in self.folders:
            raise refused(_no_file(entry))
        here = os.dup(folder)
        try:
            there = self._open.open(parent)
            try:
                found = os.stat(first, dir_fd=there, follow_symlinks=False)
            except FileNotFoundError:
                raise refused(_no_file(entry)) from None
            if not stat.S_ISREG(found.st_mode):
                raise refused(_no_file(entry))
            os.link(first, name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
        except FileExistsError:
            raise name_is_taken(here, name, entry.path) or _twice(entry.path) from None
        finally:
            os.close(here)

    def _symlink(self, entry: TarEntry, folder: int, name: bytes) -> None:
        if not entry.link or b"\0" in entry.link:
            raise refused(f"the symlink {path_text(entry.path)!r} leads to no path")
        os.symlink(entry.link, name, dir_fd=folder)

    def _fifo(self, entry: TarEntry, folder: int, name: bytes) -> None:
        if os.mkfifo not in os.supports_dir_fd:
            raise not_unpacked(f"{path_text(entry.path)} is a FIFO, which this Python cannot make in a folder")
        os.mkfifo(name, 0o600, dir_fd=folder)


def write_with_holes(descriptor: int, piece: bytes, offset: int) -> None:
    """Write the piece at its place in a new file, but for its blocks of zeros: they stay holes."""
    view, begin = memoryview(piece), 0
    for at in range(0, len(piece), _HOLE_BYTES):
        if view[at : at + _HOLE_BYTES] == _ZEROS[: len(piece) - at]:
            write_at(descriptor, view[begin:at], offset + begin)
            begin = at + _HOLE_BYTES
    write_at(descriptor, view[begin:], offset + begin)


def _no_file(entry: TarEntry) -> str:
    return f"the hard link {path_text(entry.path)!r} is to {path_text(entry.link)!r}, which is no file of it"


def _twice(path: bytes) -> Exception:
    return refused(f"it holds {path_text(path)!r} twice")
