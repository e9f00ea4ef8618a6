"""What a run notes on this machine while it is at work on an engine, and the mark that its containers bear."""

from __future__ import annotations

import fcntl
import os
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from local.archive.private_folder import make_private
from local.store.durable import replace_file


def own_path() -> Path:
    """Where the folder is, made or not."""
    return Path(platformdirs.user_data_dir("pillar9", appauthor=False), "volumes")


def own_folder() -> Path:
    """The folder, made for this user alone: ConfigError where it is another's, OSError where it cannot be made."""
    own = own_path()
    make_private(own.parent)
    make_private(own)
    return own


@contextmanager
def at_work(sweep: Callable[[str], None]) -> Iterator[str]:
    """This run reads volumes, and its containers bear the mark that comes: 32 hexadecimal digits, this user's here.

    If no other run reads now, whatever bears the mark was left by a killed one: `sweep` is called with it first.
    """
    path = _marked_file(own_folder())
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        mark = os.pread(descriptor, 32, 0).decode(errors="replace")
        # The lock is the kernel's: a killed run holds none.
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(mark)
        # Another run may sweep between the two: this one has made nothing yet.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield mark
    finally:
        os.close(descriptor)


def _marked_file(folder: Path) -> Path:
    """The file that holds the mark and is locked; of two first runs, one's becomes both's."""
    path = folder / "mark"
    if not path.exists():
        new = folder / f".mark-{secrets.token_hex(8)}"
        replace_file(new, uuid.uuid4().hex.encode())
        with suppress(FileExistsError):
            os.link(new, path)
        new.unlink()
    return path
