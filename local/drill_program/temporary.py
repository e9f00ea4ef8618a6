"""Where the program keeps what it needs for a while, and how nothing of it is left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER_PREFIX = "pillar9-drill-"
RESULT_PREFIX = "pillar9-result-"
STALE_SECONDS = 2 * 3600.0
REMOVAL_TRIES = 5  # a thread that was given up may still make a file


def temporary_roots() -> list[str]:
    """The folders where temporary files may lie, the best first."""
    if os.environ.get("TMPDIR"):
        return [os.environ["TMPDIR"]]
    found = [path for path in ("/var/tmp", "/tmp") if Path(path).is_dir()]  # noqa: S108
    return sorted(found, key=lambda path: -shutil.disk_usage(path).free)


@contextlib.contextmanager
def drill_folder() -> Iterator[str]:
    """A new folder that only this user can read, gone afterwards with all that is in it."""
    folder, lock = locked_folder()
    try:
        yield folder
    finally:
        for _ in range(REMOVAL_TRIES):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def locked_folder() -> tuple[str, int]:
    """A new folder, and the open file by which it is locked as long as this process lives, however it ends."""
    while True:
        folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=temporary_roots()[0])
        try:
            return folder, lock_folder(folder)
        except (BlockingIOError, FileNotFoundError):
            # Another drill's sweep took it for one that was left behind, before it was locked.
            continue


def lock_folder(folder: str) -> int:
    """Lock a folder, as far as its file system can; BlockingIOError where it is locked, FileNotFoundError if gone."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.stat(folder)  # noqa: PTH116
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        raise
    except OSError:
        pass  # it knows no locks, and `is_left_behind` goes by age there
    return descriptor


def sweep() -> None:
    """Remove what a drill left behind that was killed: only this user's, and follow no link."""
    for root in temporary_roots():
        for entry in Path(root).iterdir():
            if entry.name.startswith((FOLDER_PREFIX, RESULT_PREFIX)):
                with contextlib.suppress(OSError):
                    remove_left_behind(entry)


def remove_left_behind(entry: Path) -> None:
    """Remove a folder of this user's that no process holds, or a file that was not changed for STALE_SECONDS."""
    found = entry.lstat()
    if found.st_uid != os.geteuid():
        return
    is_stale = time.time() - found.st_mtime >= STALE_SECONDS
    if not stat.S_ISDIR(found.st_mode):
        if is_stale:
            entry.unlink()
        return
    descriptor = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if is_unlocked(descriptor, is_stale):
            shutil.rmtree(entry, ignore_errors=True)
    finally:
        os.close(descriptor)


def is_unlocked(descriptor: int, otherwise: bool) -> bool:
    """Whether no process holds that folder's lock, which is this one's now; `otherwise` where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return otherwise
    return True
