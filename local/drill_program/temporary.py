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
COMMAND_PREFIX = "pillar9-run-"
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
def drill_folder(prefix: str = FOLDER_PREFIX) -> Iterator[str]:
    """A new folder that only this user can read, gone afterwards with all that is in it."""
    folder, lock = locked_folder(prefix)
    try:
        yield folder
    finally:
        for _ in range(REMOVAL_TRIES):
            remove_tree(folder)
        os.close(lock)


def locked_folder(prefix: str) -> tuple[str, int]:
    """A new folder, and the open file by which it is locked as long as this process lives, however it ends."""
    while True:
        folder = tempfile.mkdtemp(prefix=prefix, dir=temporary_roots()[0])
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


def remove_tree(folder: str) -> None:
    """Remove a folder with all that is in it, as far as that goes; not where a file system is mounted in it."""
    if not is_mounted_below(folder):
        shutil.rmtree(folder, ignore_errors=True)


def is_mounted_below(folder: str) -> bool:
    """Whether a file system is mounted in the folder, by a command that left it there: its files are somebody's."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        return False
    # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html: the fifth field is the mount point.
    return any(line.split(" ")[4].startswith(f"{os.path.realpath(folder)}/") for line in mounts.splitlines())


def sweep() -> None:
    """Remove what a drill left behind that was killed: only this user's, and follow no link."""
    for root in temporary_roots():
        for entry in Path(root).iterdir():
            if entry.name.startswith((FOLDER_PREFIX, COMMAND_PREFIX, RESULT_PREFIX)):
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
            remove_tree(str(entry))
    finally:
        os.close(descriptor)


def is_unlocked(descriptor: int, otherwise: bool) -> bool:
    """Whether no process holds the lock of a file or folder, which is this one's now; `otherwise` without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return otherwise
    return True
