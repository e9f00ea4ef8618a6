"""The folder in which what is restored comes to be before it appears: beside its target, for nobody else's eyes."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from shlex import quote

from local.errors import LockHeldError, PillarError
from local.interrupt import if_abandoned
from local.unpack.remove import remove_tree

_SUFFIX = ".pillar9-fetch"
_TRIES = 20
# What file systems without such locks answer (some NFS, SMB and FUSE ones): there, nothing is swept.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS})


def private_path(target: Path) -> Path:
    """Where the folder is while a restore to the target goes on, and after it was ended by force."""
    return target.with_name(target.name + _SUFFIX)


@contextmanager
def private_folder(target: Path) -> Iterator[Path]:
    """The folder `<target>.pillar9-fetch/` (0700), empty; gone afterwards with all that is in it.

    What a killed restore to the same target left there is removed first. Raises LockHeldError while another restore to
    this target is under way, PillarError where something else has that name, and OSError.
    """
    folder = private_path(target)
    descriptor = _locked(folder)
    try:
        with if_abandoned(partial(remove_tree, folder)):
            try:
                yield folder
            finally:
                remove_tree(folder)
    finally:
        os.close(descriptor)


def _locked(folder: Path) -> int:
    """A descriptor of the folder, which is new or swept, with a lock that the kernel releases whatever happens."""
    for _ in range(_TRIES):
        _make(folder)
        with suppress(FileNotFoundError):  # whoever had it removed it with its end
            descriptor = _open(folder)
            try:
                if _lock(folder, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    raise LockHeldError(f"restore: {folder}", "other restores come and go there", "wait for them")


def _make(folder: Path) -> None:
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    except OSError as error:
        came_back = f"{folder} cannot be made: {error.strerror}"
        raise PillarError("restore: make a private folder", came_back, "choose another path: --to PATH") from error


def _open(folder: Path) -> int:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (NotADirectoryError, OSError) as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise _in_the_way(folder, "is no folder") from None
        raise
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(descriptor)
        raise _in_the_way(folder, "is not this user's alone")
    return descriptor


def _lock(folder: Path, descriptor: int) -> bool:
    """Whether the folder of this name is ours now and empty; LockHeldError while another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockHeldError(
            "restore not begun", f"another restore works in {folder}", "run this again when it has ended"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return True
    if not os.path.samestat(os.fstat(descriptor), folder.stat()):
        return False
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            remove_tree(left)
        else:
            left.unlink()
    return True


def _in_the_way(folder: Path, what: str) -> PillarError:
    return PillarError("restore: make a private folder", f"{folder} {what}", f"look at it: ls -ld {quote(str(folder))}")
