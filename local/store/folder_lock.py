"""One backup at a time into a folder, whichever machines it is mounted on.

A kernel lock, which ends with the process that holds it however it ends. Where the file system refuses locks, a file
that says who holds it and is touched every minute; one that was not for ten minutes is nobody's any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local.errors import LockHeldError, StoreError
from local.store.folder_root import check_root

LOCK_FILE = ".pillar9-lock"
HOLDER_FILE = ".pillar9-lock-holder"
TOUCH_SECONDS = 60.0
STALE_SECONDS = 10 * 60.0
_REFUSED = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


@contextmanager
def folder_lock(root: Path) -> Iterator[None]:
    """Hold the folder's lock; LockHeldError with the process that does, StoreError where the folder takes no file."""
    check_root(root)
    try:
        descriptor = os.open(root / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        mend = "check the folder's rights, its free space, and that it is mounted"
        raise StoreError(f"store: lock {root}", error.strerror or str(error), mend) from error
    try:
        if _lock(descriptor):
            _write_holder(descriptor)
            yield
        else:
            with _holder_file(root):
                yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the kernel locked it; False where the file system knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _held(os.pread(descriptor, 200, 0)) from None
    except OSError as error:
        if error.errno in _REFUSED:
            return False
        raise
    return True


def _write_holder(descriptor: int) -> None:
    # Who holds it is told to others only; a full disk must not keep a run from beginning.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _whoami(), 0)


@contextmanager
def _holder_file(root: Path) -> Iterator[None]:
    path = root / HOLDER_FILE
    with suppress(FileNotFoundError):
        _drop_stale(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise _held(path.read_bytes()[:200]) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(_whoami())
    ended = threading.Event()
    threading.Thread(target=_keep_touching, args=(path, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        with suppress(FileNotFoundError):
            # This process may have slept for so long that another one took the lock over.
            if path.read_bytes() == _whoami():
                path.unlink()


def _drop_stale(path: Path) -> None:
    """Of two that find the same stale file one moves it away; a fresh one that was moved by mistake is put back."""
    if not _is_stale(path):
        return
    aside = path.with_name(f"{path.name}-{os.getpid()}")
    path.rename(aside)
    if _is_stale(aside):
        aside.unlink()
    else:
        aside.rename(path)


def _is_stale(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > STALE_SECONDS


def _keep_touching(path: Path, ended: threading.Event) -> None:
    while not ended.wait(TOUCH_SECONDS):
        with suppress(OSError):
            os.utime(path)


def _whoami() -> bytes:
    return f"process {os.getpid()} on {socket.gethostname()}\n".encode()


def _held(holder: bytes) -> LockHeldError:
    who = holder.decode(errors="replace").strip() or "another process"
    came_back = f"another backup or prune into this folder is under way: {who}"
    return LockHeldError("store not opened", came_back, "run this again when it has ended")
