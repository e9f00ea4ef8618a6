"""Where the program keeps what it needs for a while, and how nothing of it is left behind."""

from __future__ import annotations

import contextlib
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
    folder = tempfile.mkdtemp(prefix=prefix, dir=temporary_roots()[0])
    try:
        yield folder
    finally:
        for _ in range(REMOVAL_TRIES):
            remove_tree(folder)


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
    """Remove what a drill left behind that was killed: only this user's, only what is stale, and follow no link."""
    for root in temporary_roots():
        for entry in Path(root).iterdir():
            if entry.name.startswith((FOLDER_PREFIX, COMMAND_PREFIX, RESULT_PREFIX)):
                with contextlib.suppress(OSError):
                    remove_stale(entry)


def remove_stale(entry: Path) -> None:
    """Remove a file or folder of this user's that was not changed for STALE_SECONDS."""
    found = entry.lstat()
    if found.st_uid != os.geteuid() or time.time() - found.st_mtime < STALE_SECONDS:
        return
    if stat.S_ISDIR(found.st_mode):
        remove_tree(str(entry))
    else:
        entry.unlink()
