"""Removing what was unpacked: also folders that their owner may not write to or enter, however deep they lie."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from local.unpack.folders import OPEN_FOLDER

_OPENED = 0o700


def remove_tree(folder: Path) -> None:
    """Remove a folder of this user's with all that is in it, as far as that goes; no link is followed.

    Folders within are moved up to the top before they are emptied: no path gets too long, and no two descriptors are
    needed however deep they lie. A file system that is mounted in there stays, and so does what it stands in.
    """
    try:
        if not folder.is_symlink():
            folder.chmod(_OPENED)
        root = os.open(folder, OPEN_FOLDER)
    except OSError:
        return
    try:
        _empty(root)
    finally:
        os.close(root)
    with suppress(OSError):
        folder.rmdir()


def _empty(root: int) -> None:
    waiting, number = [b""], 0
    while waiting:
        name = waiting.pop()
        try:
            descriptor = os.open(name, OPEN_FOLDER, dir_fd=root) if name else os.dup(root)
        except OSError:  # the process is being ended, and another thread has removed it
            continue
        try:
            for child, is_folder in _children(descriptor):
                if not is_folder:
                    with suppress(OSError):
                        os.unlink(child, dir_fd=descriptor)
                    continue
                number += 1
                moved = b".removed-%d-%d" % (os.getpid(), number)
                with suppress(OSError):
                    os.chmod(child, _OPENED, dir_fd=descriptor)
                    os.rename(child, moved, src_dir_fd=descriptor, dst_dir_fd=root)
                    waiting.append(moved)
        finally:
            os.close(descriptor)
        if name:
            with suppress(OSError):
                os.rmdir(name, dir_fd=root)


def _children(descriptor: int) -> list[tuple[bytes, bool]]:
    with os.scandir(descriptor) as entries:
        return [(os.fsencode(each.name), each.is_dir(follow_symlinks=False)) for each in entries]
