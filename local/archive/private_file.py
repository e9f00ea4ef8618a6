"""Files in this machine's own folder: this user's alone, and not another file under a second name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_FILE_MODE = 0o600


def open_own(path: Path, access: int) -> int:
    """A descriptor (`access`: O_RDONLY or O_RDWR) of a file that is this user's and stands nowhere else.

    So a write to it reaches no other file, and nobody else wrote it. OSError for all else: a link, a folder, a pipe.
    """
    descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if _is_own(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    raise OSError(f"{path} is no file of this user's own")


def open_new(path: Path) -> int:
    """A descriptor of an empty file, to write; what stands there is removed. OSError where it cannot be made."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)


def _is_own(found: os.stat_result) -> bool:
    others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    is_single = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return is_single and found.st_uid == os.geteuid() and not others_write
