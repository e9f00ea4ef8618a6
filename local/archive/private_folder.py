"""This machine's own folder: whoever may write in it could have a backup read, or write to, a file of their choice."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from local.errors import ConfigError

FOLDER_MODE = 0o700
_MEND = "remove it, or let XDG_CACHE_HOME name a folder of your own"


def make_private(folder: Path) -> None:
    """The folder is there, this user's, and nobody else may write in it; missing ones above it are made.

    Raises ConfigError where it is another user's, or a symlink that another user put there (as in a shared /tmp), and
    OSError where it cannot be made.
    """
    _make(folder)
    found = folder.stat()
    for owner in (folder.lstat().st_uid, found.st_uid):
        if owner != os.geteuid():
            raise ConfigError(f"this machine's folder {folder}", f"it belongs to the user number {owner}", _MEND)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        folder.chmod(FOLDER_MODE)


def _make(folder: Path) -> None:
    """As `mkdir -p`, but each folder that is made is for this user alone, whatever the umask."""
    try:
        folder.mkdir(mode=FOLDER_MODE)
    except FileNotFoundError:
        _make(folder.parent)
        _make(folder)
    except FileExistsError:
        if not folder.is_dir():
            raise
