"""Owner, mode, time and extended attributes of what was unpacked: set as far as this user and this disk can, then read
back. What they cannot is counted, and fails nothing: the content is what counts, and a note says the rest.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry

_SET_IDS = stat.S_ISUID | stat.S_ISGID
# What comes back where this user may not give such a thing, or the file system has none.
_NOT_HERE = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EINVAL,
        errno.EOVERFLOW,
        errno.ENOSYS,
    }
)
# ext4 has some 4 KiB for all attributes of a file, and calls it a full disk where they are more (xattr(7)).
_TOO_LARGE_HERE = _NOT_HERE | {errno.E2BIG, errno.ERANGE, errno.ENOSPC}
_INHERITED = ("system.posix_acl_default", "system.posix_acl_access")


@dataclass
class Unkept:
    """How many entries are not in every respect as in the volume, by respect, and the path of the first of each."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, respect: str, text: str) -> None:
        """One more."""
        self.counts[respect] = self.counts.get(respect, 0) + 1
        self.first.setdefault(respect, text)


def give(descriptor: int, entry: TarEntry, unkept: Unkept) -> None:
    """Make an open file or folder what the entry says, and count in what respects that does not go.

    The order is the system's: a change of owner takes setuid bits and capabilities away, an access list changes the
    mode, and of a file that may not be read the extended attributes cannot be read back.
    """
    is_root = os.geteuid() == 0
    if is_root:
        with _where_it_goes():
            os.chown(descriptor, entry.uid, entry.gid)
    xattrs = _given_xattrs(descriptor, entry)
    with _where_it_goes():
        os.fchmod(descriptor, entry.mode if is_root else _as_oneself(entry))
    with _where_it_goes():
        os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
    _compare(entry, os.fstat(descriptor), xattrs, unkept)


def give_link(folder: int, name: bytes, entry: TarEntry, unkept: Unkept) -> None:
    """The same for a symlink, which has no mode."""
    if os.geteuid() == 0:
        with _where_it_goes():
            os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
    xattrs = _given_xattrs(os.fsencode(f"/proc/self/fd/{folder}/") + name, entry)
    with _where_it_goes():
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
    _compare(entry, os.stat(name, dir_fd=folder, follow_symlinks=False), xattrs, unkept)


def _compare(entry: TarEntry, found: os.stat_result, xattrs: dict[bytes, bytes], unkept: Unkept) -> None:
    path = path_text(entry.path)
    if (found.st_uid, found.st_gid) != (entry.uid, entry.gid):
        unkept.add("owner", path)
    if entry.kind != "symlink" and stat.S_IMODE(found.st_mode) != entry.mode:
        unkept.add("mode", path)
    if found.st_mtime_ns != entry.mtime_ns:
        unkept.add("time", path)
    for name, value in entry.xattrs:
        if xattrs.get(name) != value:
            unkept.add("extended attribute", f"{path_text(name)} of {path}")


def without_inherited_lists(folder: Path) -> None:
    """A new folder inherits the access lists of the one above; what is unpacked into it would be others' to read."""
    if sys.platform == "linux":
        for name in _INHERITED:
            with suppress(OSError):
                os.removexattr(folder, name, follow_symlinks=False)


def attribute_name(keyword: bytes) -> bytes:
    """The name of an extended attribute as the system has it: in a tar `=` and `%` stand as GNU tar writes them."""
    return keyword.replace(b"%3D", b"=").replace(b"%25", b"%")


def _as_oneself(entry: TarEntry) -> int:
    """A program that ran as its owner must not become one that runs as whoever restored it."""
    return entry.mode if (entry.uid, entry.gid) == (os.geteuid(), os.getegid()) else entry.mode & ~_SET_IDS


def _given_xattrs(place: int | bytes, entry: TarEntry) -> dict[bytes, bytes]:
    """The extended attributes of the entry, set where Python can, as they are read back."""
    found: dict[bytes, bytes] = {}
    if sys.platform == "linux":
        for keyword, value in entry.xattrs:
            name = attribute_name(keyword)
            with suppress(ValueError), _where_it_goes(_TOO_LARGE_HERE):
                os.setxattr(place, name, value, follow_symlinks=isinstance(place, int))
                found[keyword] = os.getxattr(place, name, follow_symlinks=isinstance(place, int))
    return found


@contextmanager
def _where_it_goes(not_here: frozenset[int] = _NOT_HERE) -> Iterator[None]:
    """What does not go here is seen, and counted, when it is read back."""
    try:
        yield
    except OSError as error:
        if error.errno not in not_here:
            raise
