"""One restore of a database at a time: its work folder beside the database, and the lock in it.

The kernel lets go of the lock whatever ends the process, so a folder whose lock is free was left by a killed restore.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from local.errors import InconclusiveError, LockHeldError

LOCK_FILE = "lock"
JOURNAL_FILE = "journal.json"
_SUFFIX = ".pillar9-restore"
_ATTEMPTS = 20

# Of this process: a claim within a claim is the same one.
_held: set[Path] = set()


def real_path(live: Path) -> Path:
    """Where the database is: SQLite looks for a symlinked one's sidecars beside the link's target."""
    return Path(os.path.realpath(live))


def work_folder(live: Path) -> Path:
    """The folder for a restore's own files (0700), on the live database's file system; `claimed` makes it."""
    path = real_path(live)
    return path.with_name(path.name + _SUFFIX)


@contextmanager
def claimed(live: Path) -> Iterator[Path]:
    """Hold the database for a restore, and give its work folder; whatever is in there is gone afterwards.

    Only where a journal is left, since something could be neither finished nor cleared away, does the folder stay.
    Raises LockHeldError while another process restores it, InconclusiveError where the folder cannot be made.
    """
    folder = work_folder(live)
    if folder in _held:
        yield folder
        return
    descriptor = _lock(folder)
    _held.add(folder)
    try:
        yield folder
    finally:
        _held.discard(folder)
        if not os.path.lexists(folder / JOURNAL_FILE):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether this process itself is at work in it."""
    return folder in _held


def _lock(folder: Path) -> int:
    """The descriptor of the lock file, locked, and still the one in the folder: its holder may have removed it."""
    for _ in range(_ATTEMPTS):
        try:
            _make(folder)
            descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            if folder.parent.is_dir():
                continue
            raise _refused(folder, "the database's folder is not there", "bring it back, or mount it") from None
        except OSError as error:
            raise _refused(folder, error.strerror or str(error), f"try: ls -ld {quote(str(folder.parent))}") from error
        try:
            _flock(folder, descriptor)
            if _is_in_place(folder, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise LockHeldError("restore not begun", f"other restores come and go in {folder}", "run this again")


def _make(folder: Path) -> None:
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        came_back = f"somebody else made it (user number {found.st_uid}), or others may write there"
        mend = f"run a command as that user, which tidies up, or move it away: ls -ld {quote(str(folder))}"
        raise _refused(folder, came_back, mend)


def _flock(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "another process"
        came_back = f"another restore of this database is under way, process {holder}"
        raise LockHeldError("restore not begun", came_back, "run this again when it has ended") from None
    except OSError as error:
        mend = "restore to a new file instead: SQLite cannot lock a database there either"
        raise _refused(folder, f"the file system knows no locks: {error.strerror}", mend) from error
    # Who holds it is told to others only; a full disk is found out, and told, later.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _is_in_place(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / LOCK_FILE).lstat())
    except FileNotFoundError:
        return False


def _refused(folder: Path, came_back: str, mend: str) -> InconclusiveError:
    return InconclusiveError(f"restore: make {folder}", came_back, mend)
