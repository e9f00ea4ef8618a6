"""What was told, on this machine and for one store. It may be deleted at any time: that costs one repeated alert."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from local.alerts.state import Standing, Standings
from local.drill_program.temporary import is_unlocked
from local.store.durable import replace_file
from local.typed import from_json

FILE_NAME = "alerts.json"
_LOCK_NAME = "alerts.lock"
_LOCK_SECONDS = 60.0
_LOOK_SECONDS = 0.1


class _Memory(msgspec.Struct, frozen=True):
    standings: dict[str, Standing]


def recall(folder: Path) -> dict[str, Standing]:
    """The standings that were remembered; none where there is no such file, or no such thing in it."""
    try:
        return from_json((folder / FILE_NAME).read_bytes(), _Memory).standings
    except (OSError, ValueError, msgspec.DecodeError):
        return {}


def remember(folder: Path, standings: Standings) -> None:
    """Put the standings in place of the former ones by one rename; OSError where that is refused."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(folder / FILE_NAME, msgspec.json.encode(_Memory(dict(standings))))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other process tell meanwhile, as far as that can be had: better an alert that comes twice than none.

    One that takes too long is not waited for, and a folder that takes no lock is done without.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        # What is to be remembered there says so, once the alert is sent.
        descriptor = None
    if descriptor is None:
        yield
        return
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not is_unlocked(descriptor, otherwise=True) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)
