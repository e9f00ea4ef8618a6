"""`python -m tests.unattended.moved_clock …`: the whole of `invoke …`, in a process that takes another moment for now.

The variable MOVED_CLOCK names a file of eight bytes: how far the moved clock is from this machine's, in seconds. It is
read again each time, so a test moves the clock of a process that is under way. With LID_CLOSES_AT=N the process stops
itself, as under a lid that is closed, when it asks for the time the Nth time; it says so in LID_CLOSED, with its id.
Moved is what the product takes for now. The file system, Azure and the interpreter have their own times.
"""

from __future__ import annotations

import itertools
import mmap
import os
import pkgutil
import runpy
import signal
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import local
import rbac
import remote
from local import clock
from tests.support.fork_server import LIBRARIES, becomes_one_process

PROGRAM = "tests.unattended.moved_clock"
_OFFSET = struct.Struct("d")
# Alerts go through these.
_MORE_LIBRARIES = ("apprise", "requests", "holidays")


def write_offset(path: Path, seconds: float) -> None:
    """Move the clock of every process that has this file; in place, since they have it mapped."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.write(_OFFSET.pack(seconds))


def move(environment: Mapping[str, str]) -> None:
    """From here on, the product's clock is the moved one."""
    with Path(environment["MOVED_CLOCK"]).open("rb") as file:
        offset = mmap.mmap(file.fileno(), _OFFSET.size, prot=mmap.PROT_READ)
    real, asked = clock.now, itertools.count(1)
    closes_at = int(environment.get("LID_CLOSES_AT", "0"))

    def now() -> datetime:
        if next(asked) == closes_at:
            Path(environment["LID_CLOSED"]).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP)
        return real() + timedelta(seconds=_OFFSET.unpack(offset[:])[0])

    clock.now = now


def _product() -> tuple[str, ...]:
    """Every module of the product but tasks.py, which each process loads for itself."""
    rooms = (local, remote, rbac)
    return tuple(found.name for room in rooms for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."))


if __name__ == "__main__":
    if becomes_one_process((*LIBRARIES, *_MORE_LIBRARIES, *_product())):
        move(os.environ)
        runpy.run_module("invoke", run_name="__main__", alter_sys=True)
