"""A restore to a new folder: it appears whole or not at all, and nothing that is there already is touched."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from local.errors import PillarError
from local.restore.to_file import check_new, exists_already
from local.store.durable import sync_folder
from local.unpack.refusals import not_unpacked

# What a rename of a folder to a name answers that something else has by now.
_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR})


def appear_folder(tree: Path, path: Path) -> None:
    """The unpacked tree is at `path`, at once and on the disk; ConfigError where something came there meanwhile.

    A folder that its owner may not write to cannot be moved into another one by anybody but root: it gets its mode back
    once it is there.
    """
    check_new(path)
    found = tree.lstat()
    mode = stat.S_IMODE(found.st_mode)
    if not mode & stat.S_IWUSR and os.geteuid() != 0:
        tree.chmod(mode | stat.S_IRWXU)
    try:
        tree.rename(path)
    except OSError as error:
        if error.errno in _TAKEN:
            raise exists_already(path) from None
        raise not_unpacked(f"{path}: {error.strerror}") from error
    try:
        path.chmod(mode)
        os.utime(path, ns=(found.st_mtime_ns, found.st_mtime_ns))
        sync_folder(path.parent)
    except OSError as error:
        told = f"it stands there whole, but the disk did not say that it keeps it: {error.strerror}"
        raise PillarError(f"restore: {path}", told, "look at the disk, and restore it once more elsewhere") from error
