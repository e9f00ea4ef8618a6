"""What this machine answers while a tar is unpacked, in words: what stood in the way, and where it goes instead."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry
from local.errors import InconclusiveError

_ELSEWHERE = "choose another disk: --to PATH"
_WORDS = {
    errno.ENOSPC: ("the disk is full", f"free space there, or {_ELSEWHERE}"),
    errno.EDQUOT: ("this user's share of the disk is used up", f"free space there, or {_ELSEWHERE}"),
    errno.EFBIG: ("a file may not become that large here", f"look at ulimit -f, or {_ELSEWHERE}"),
    errno.EILSEQ: ("this disk's file system takes no name that is no UTF-8, and the volume has one", _ELSEWHERE),
    errno.ENAMETOOLONG: ("the name is too long for this disk's file system", _ELSEWHERE),
    errno.EMFILE: ("too many files are open", "look at ulimit -n, and run it again"),
}
_NO_SUCH_KIND = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


@contextmanager
def refusals(entry: TarEntry) -> Iterator[None]:
    """What the system refuses in here, as the error that says at which entry, and what mends it."""
    try:
        yield
    except OSError as error:
        words, mend = _WORDS.get(error.errno or 0, (error.strerror or str(error), _ELSEWHERE))
        if entry.kind != "file" and error.errno in _NO_SUCH_KIND:
            words = f"this disk's file system takes no {entry.kind} there ({words})"
        raise not_unpacked(f"{path_text(entry.path)}: {words}", mend) from error


def not_unpacked(came_back: str, mend: str = _ELSEWHERE) -> InconclusiveError:
    """This machine could not hold it: nothing is wrong with the backup."""
    return InconclusiveError("restore: unpack the tar", f"{came_back}; nothing of it stands anywhere", mend)


def name_is_taken(folder: int, name: bytes, path: bytes) -> InconclusiveError | None:
    """The error that names both, where a file system takes two names for one; None where it is the very same name."""
    taken = os.stat(name, dir_fd=folder, follow_symlinks=False)
    with os.scandir(folder) as entries:
        same = [os.fsencode(each.name) for each in entries if each.inode() == taken.st_ino]
    if name in same:
        return None
    other = path_text(same[0]) if same else "another name"
    came_back = (
        f"{path_text(path)} and {other} beside it are one name to this disk's file system, and two in the volume"
    )
    return not_unpacked(came_back, "choose a disk whose file system tells upper from lower case: --to PATH")
