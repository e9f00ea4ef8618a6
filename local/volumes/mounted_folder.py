"""The folder in which an engine of this machine keeps a volume, looked at by this process: its entries, no content.

It is under the control of whoever writes to the volume: nothing is followed, nothing is opened but with O_PATH, which
reads nothing, waits for nobody and leaves the time of access as it is (https://man7.org/linux/man-pages/man2/open.2.html).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from local.drill_program.tar_entries import EXTENDED_BYTES_MAX, TarEntry
from local.volumes.exact import is_kept
from local.volumes.mountpoint import Mountpoint
from local.volumes.seen import ROOT

# Linux alone has it, and a mountpoint.
_O_PATH = getattr(os, "O_PATH", 0)
_ATTRIBUTES_BYTES_MAX = EXTENDED_BYTES_MAX // 2
# Whoever writes to a volume may give each file as many as the disk takes, and all of them are in memory.
_ALL_ATTRIBUTES_BYTES_MAX = 64 << 20
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink", stat.S_IFIFO: "FIFO"}


class MountedFolder:
    """The entries at a mountpoint (none: none), whose folder is opened once, for the first that is asked for."""

    def __init__(self, mountpoint: Mountpoint | None) -> None:
        self._folder = os.fsencode(mountpoint.folder) if mountpoint else None
        self._root: int | None = None
        self._parent: tuple[bytes, int] | None = None
        self._attributes_left = _ALL_ATTRIBUTES_BYTES_MAX

    def entry(self, path: bytes) -> TarEntry | None:
        """What stands there, symlinks as such, with the attributes that a volume's tar has.

        None where nothing is there, or this user may not look, or it is a socket or a device, or a part of the path is
        a symlink; also where its attributes are more than a tar's header holds, or than memory should.
        """
        if self._folder is None or b".." in path.split(b"/"):
            return None
        with suppress(OSError):
            descriptor = self._opened(self._folder, path)
            try:
                found = _entry(descriptor, path, min(self._attributes_left, _ATTRIBUTES_BYTES_MAX))
            finally:
                os.close(descriptor)
            self._attributes_left -= _bytes_of(found.xattrs) if found else 0
            return found
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Asked again, it is opened again."""
        self._forget_parent()
        if self._root is not None:
            os.close(self._root)
            self._root = None

    def _opened(self, folder: bytes, path: bytes) -> int:
        if self._root is None:
            self._root = _walk(b"/", folder)
        above, _, name = path.rpartition(b"/")
        if path == ROOT or not above:
            return _open(name, self._root)
        if self._parent is None or self._parent[0] != above:
            self._forget_parent()
            self._parent = above, _walk(b".", above, self._root)
        return _open(name, self._parent[1])

    def _forget_parent(self) -> None:
        if self._parent:
            os.close(self._parent[1])
            self._parent = None


def _walk(start: bytes, path: bytes, within: int | None = None) -> int:
    """A descriptor of the folder at `path`, no part of which is a symlink; OSError."""
    descriptor = _open(start, within, os.O_DIRECTORY)
    for name in path.split(b"/"):
        if not name:
            continue
        above = descriptor
        try:
            descriptor = _open(name, above, os.O_DIRECTORY)
        finally:
            os.close(above)
    return descriptor


def _open(name: bytes, folder: int | None, more: int = 0) -> int:
    return os.open(name, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | more, dir_fd=folder)


def _entry(descriptor: int, path: bytes, attributes_bytes_max: int) -> TarEntry | None:
    found = os.fstat(descriptor)
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    return TarEntry(
        kind=kind,
        path=path,
        link=os.readlink(b"", dir_fd=descriptor) if kind == "symlink" else b"",
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        mtime_ns=found.st_mtime_ns,
        size=found.st_size if kind == "file" else 0,
        offset=0,
        xattrs=_attributes(descriptor, attributes_bytes_max),
    )


def _attributes(descriptor: int, bytes_max: int) -> tuple[tuple[bytes, bytes], ...]:
    """OSError where this user may not read one of them, or there are more."""
    # Through this name the system comes to the entry itself, even to a symlink.
    place = f"/proc/self/fd/{descriptor}"
    found: list[tuple[bytes, bytes]] = []
    for name in sorted(filter(is_kept, map(os.fsencode, _listed(place)))):
        found.append((name, os.getxattr(place, name)))
        if _bytes_of(found) > bytes_max:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
    return tuple(found)


def _bytes_of(attributes: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in attributes)


def _listed(place: str) -> list[str]:
    try:
        return os.listxattr(place)
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # what this file system does not have, no entry has
            raise
        return []
