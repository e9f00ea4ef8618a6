"""Opening a live database to read one moment of it, and leaving nothing behind that its application cannot write.

A connection to a WAL database makes a missing -wal and -shm, also one that is opened read-only, and leaves them if it
may not write: they are this user's then, and the application is told "attempt to write a readonly database". Only what
the database's owner opens, or root (SQLite hands root's new files to the owner: os_unix.c, robustFchown), is harmless.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# The bytes of a database file that SQLite locks (os.h); a shared lock on the second range keeps all others from the
# exclusive one that the last to close a WAL database needs to remove its -wal and -shm, and any writer in another mode.
_PENDING_BYTE = 0x40000000
_SHARED_FIRST = _PENDING_BYTE + 2
_SHARED_BYTES = 510
_READ_VERSION_OFFSET = 19
_WAL_READ_VERSION = b"\x02"
_RETRY_SECONDS = 0.01
# Time stamps follow the kernel's tick, 10 ms at the coarsest; those of HFS+ and ext3 are whole seconds, FAT's are even.
_TICK_NS = 20_000_000
_WHOLE_SECONDS_NS = 2_000_000_000
_NS_IN_SECOND = 1_000_000_000

# Open for good: closing any descriptor of a file drops all locks that the process holds on it, other threads' included
# (POSIX), so a file is opened once, by its device and inode.
_descriptors: dict[tuple[int, int], int] = {}


@dataclass(frozen=True)
class FileState:
    """Another one after anybody has written to the database, replaced it, or opened it in WAL mode."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int
    sidecars: tuple[bool, bool, bool]

    @property
    def quiet(self) -> bool:
        """No -wal, -shm or -journal: a WAL database like this is open nowhere, and its file is all there is."""
        return not any(self.sidecars)


@dataclass(frozen=True)
class OpenDatabase:
    """A connection inside a read transaction; `found` is the file's state before, where the connection has no lock."""

    path: Path
    connection: sqlite3.Connection
    found: FileState | None

    def is_torn(self) -> bool:
        """Whether what was read may be of several moments, since the file changed meanwhile."""
        return self.found is not None and file_state(self.path) != self.found

    def close(self) -> None:
        """End the transaction and the connection."""
        self.connection.close()


def file_state(path: Path) -> FileState | None:
    """The state of a database file as of now; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    wal, shm, journal = (path.with_name(path.name + end).exists() for end in ("-wal", "-shm", "-journal"))
    return FileState(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, (wal, shm, journal))


def open_live(path: Path, wait: float) -> OpenDatabase:
    """The database inside a read transaction, waiting `wait` seconds for a lock; sqlite3.DatabaseError if refused."""
    if _may_write(path):
        return _open_as_owner(path, wait)
    if os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        return _open_in_writable_folder(path, wait)
    return _open_without_traces(path, wait)


def _may_write(path: Path) -> bool:
    """Whether this user may write the file, and the owner may write the sidecars that this user's connection makes."""
    effective = os.access in os.supports_effective_ids
    writable = all(os.access(place, os.W_OK, effective_ids=effective) for place in (path, path.parent))
    return writable and os.geteuid() in (0, path.stat().st_uid)


def _open_as_owner(path: Path, wait: float) -> OpenDatabase:
    """Read-only if possible, else for writing, which recovers what a killed process left and removes what it made."""
    shm = path.with_name(path.name + "-shm")
    try:
        return OpenDatabase(path, _connect(path, "mode=ro" if shm.exists() else "mode=ro&readonly_shm=1", wait), None)
    except sqlite3.OperationalError as error:
        if not _is_for_want_of_writing(error):
            raise
    return OpenDatabase(path, _connect(path, "mode=rw", wait), None)


def _open_without_traces(path: Path, wait: float) -> OpenDatabase:
    """For a folder in which this user can make nothing."""
    found = file_state(path)
    try:
        return OpenDatabase(path, _connect(path, "mode=ro&readonly_shm=1", wait), None)
    except sqlite3.OperationalError as error:
        if found is None or not found.quiet or not _is_for_want_of_writing(error):
            raise
    return _open_unlocked(path, wait)


def _open_in_writable_folder(path: Path, wait: float) -> OpenDatabase:
    """For another's database in a folder in which this user can make files, so that SQLite would.

    Under a shared lock neither the journal mode changes nor do sidecars vanish between the look and the opening, which
    takes that lock over.
    """
    descriptor = _lock_shared(path, wait)
    wal_mode = os.pread(descriptor, 1, _READ_VERSION_OFFSET) == _WAL_READ_VERSION
    found = file_state(path)
    if wal_mode and found and found.quiet:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, _SHARED_BYTES, _SHARED_FIRST)
        return _open_unlocked(path, wait)
    if wal_mode and found and found.sidecars[:2] != (True, True):
        raise _refused("only its owner can recover the -wal", sqlite3.SQLITE_READONLY_RECOVERY)
    return OpenDatabase(path, _connect(path, "mode=ro&readonly_shm=1", wait), None)


def _lock_shared(path: Path, wait: float) -> int:
    """A descriptor of the database with SQLite's shared lock, taken in SQLite's way; SQLITE_BUSY after `wait` s."""
    found = path.stat()
    descriptor = _descriptors.get((found.st_dev, found.st_ino))
    if descriptor is None:
        descriptor = os.open(path, os.O_RDONLY)
        _descriptors[found.st_dev, found.st_ino] = descriptor
    deadline = time.monotonic() + wait
    while True:
        with suppress(BlockingIOError, PermissionError):  # EAGAIN and EACCES: both say that another has it (POSIX)
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _PENDING_BYTE)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_FIRST)
                return descriptor
            finally:
                fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _PENDING_BYTE)
        if time.monotonic() >= deadline:
            raise _refused("database is locked", sqlite3.SQLITE_BUSY)
        time.sleep(_RETRY_SECONDS)


def _open_unlocked(path: Path, wait: float) -> OpenDatabase:
    """A quiet WAL database without any lock: whoever opens it meanwhile shows, as `is_torn` says.

    A change in the tick of the clock in which the file was looked at would not show; so it has to have rested before.
    """
    found = file_state(path)
    if found is None or not found.quiet:
        raise _refused("database is locked", sqlite3.SQLITE_BUSY)
    time.sleep(_unrested_ns(found, time.time_ns()) / _NS_IN_SECOND)
    return OpenDatabase(path, _connect(path, "immutable=1", wait), found)


def _unrested_ns(found: FileState, now_ns: int) -> int:
    """How long until any change from then on has another time stamp than the last one."""
    whole_seconds = found.modified_ns % _NS_IN_SECOND == found.changed_ns % _NS_IN_SECOND == 0
    stamp_ns = _WHOLE_SECONDS_NS if whole_seconds else _TICK_NS
    rested_ns = now_ns - max(found.modified_ns, found.changed_ns)
    return min(max(stamp_ns - rested_ns, 0), stamp_ns)


def _connect(path: Path, how: str, wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=wait, isolation_level=None)
    try:
        # One read transaction holds one point in time from the first page to the last, however many steps are taken.
        connection.execute("BEGIN")
        connection.execute("PRAGMA page_count").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_for_want_of_writing(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def _refused(text: str, code: int) -> sqlite3.OperationalError:
    """The error that SQLite would have raised."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error
