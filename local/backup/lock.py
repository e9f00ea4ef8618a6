"""One run at a time for a store: a file lock that the kernel releases whatever ends the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.archive.private_folder import make_private
from local.errors import LockHeldError


@contextmanager
def only_run(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, or raise LockHeldError with the process that holds it.

    ConfigError where its folder is another user's, OSError where it cannot be made.
    """
    make_private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            came_back = f"another backup or prune is under way on this machine, process {holder}"
            raise LockHeldError("not begun", came_back, _mend(holder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _mend(holder: str) -> str:
    look = f"; what it is: ps -fp {holder}" if holder.isdigit() else ""
    return f"run this again when it has ended{look}"
