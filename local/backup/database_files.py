"""What the files of a database say without SQLite: by this a run knows that nothing was written since it read them.

The file is known by its device, inode, size, mtime and ctime; no program sets a ctime, so one that puts the mtime back
is betrayed. A `-wal` is known by its bytes: it is short, and SQLite run by root changes its ctime whenever it opens it
(os_unix.c, robustFchown). A `-shm` is no content.
"""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from local.store import layout
from local.store.regular_file import open_regular

# SQLite begins a WAL anew at 4 MB unless a reader holds it up; one much longer takes as long to read as the database.
WAL_BYTES_MAX = 64 * 1024 * 1024
# Two writes within a tick of the clock leave one time stamp, so one that may be followed by the same says nothing.
REST_NS = 2_000_000_000
_NS_IN_SECOND = 1_000_000_000
# Their time stamps are of this kernel's own clock, and every write to them goes through it. A network's or a host's
# file system has other writers and caches their stamps; FAT's ctime is no time of a change.
_TRUSTED = frozenset(
    {"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"}
)


class DatabaseFiles(msgspec.Struct, frozen=True):
    """One state of a database's files; another one after anybody has written to them, or replaced them.

    `path` is behind its symlinks, since SQLite looks for the sidecars there; `wal_sha256` None where no `-wal` holds
    anything.
    """

    path: str
    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int
    wal_sha256: str | None

    def had_rested(self, looked: datetime) -> bool:
        """Whether any write since they were looked at gives the file another time stamp.

        Stamps of whole seconds are a coarse clock's (HFS+, ext3, FAT), of which nobody knows how coarse.
        """
        whole_seconds = self.changed_ns % _NS_IN_SECOND == 0
        looked_ns = (looked - layout.EPOCH) // timedelta(microseconds=1) * 1000
        return not whole_seconds and looked_ns - max(self.modified_ns, self.changed_ns) >= REST_NS


def look(path: Path) -> DatabaseFiles | None:
    """The files as they are now; None where that can't be said, as with a `-journal` that holds something.

    The file is looked at last: as long as it is the one of before, nothing was moved into it from a `-wal`.
    """
    real = os.path.realpath(path)
    try:
        if _holds_something(f"{real}-journal"):
            return None
        wal_sha256 = _wal_sha256(f"{real}-wal")
        found = Path(real).stat()
    except (OSError, _TooLongError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return DatabaseFiles(
        # A name may be bytes that are no text.
        path=ascii(real),
        device=found.st_dev,
        inode=found.st_ino,
        size_bytes=found.st_size,
        modified_ns=found.st_mtime_ns,
        changed_ns=found.st_ctime_ns,
        wal_sha256=wal_sha256,
    )


def is_trusted(kind: str | None) -> bool:
    """Whether the time stamps of a file system of this kind tell of every write; None is one that is not known."""
    return kind in _TRUSTED


class _TooLongError(Exception):
    """The `-wal` is not worth the reading."""


def _holds_something(path: str) -> bool:
    try:
        return Path(path).stat().st_size > 0
    except FileNotFoundError:
        return False


def _wal_sha256(path: str) -> str | None:
    """SQLite locks no byte of a `-wal`, so closing it drops no lock of this process."""
    try:
        opened = open_regular(Path(path))
    except FileNotFoundError:
        return None
    with opened as file:
        size = os.fstat(file.fileno()).st_size
        if size > WAL_BYTES_MAX:
            raise _TooLongError
        return hashlib.file_digest(file, "sha256").hexdigest() if size else None
