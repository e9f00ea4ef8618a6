"""Which containers a run is about to stop or pause: noted before it is done, for the run that comes after a kill."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from local.errors import EngineError
from local.store.durable import sync_file, sync_folder
from local.typed import from_json
from local.volumes.own_folder import own_folder


class HeldContainer(msgspec.Struct, frozen=True):
    """A container that ran, and since when, as the engine writes it; `verb` is what is done to it.

    `patience` is how many seconds it has to end in before the engine kills it.
    """

    identity: str
    name: str
    verb: Literal["stop", "pause"]
    started_at: str
    patience: int


class _Content(msgspec.Struct, frozen=True):
    engine: str
    containers: tuple[HeldContainer, ...]


@dataclass(frozen=True)
class HeldNote:
    """A note that is this run's, locked as long as it lives."""

    path: Path
    containers: tuple[HeldContainer, ...]

    def done(self) -> None:
        """All of them run again: the note is not needed any more."""
        self.path.unlink(missing_ok=True)


@contextmanager
def note(engine: str, containers: Sequence[HeldContainer]) -> Iterator[HeldNote]:
    """Write down what is about to be done, on the disk before this yields; it stays unless it is `done`."""
    folder = own_folder()
    path = folder / f"held-{secrets.token_hex(8)}.json"
    new = folder / f".{path.name}"
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # Locked before it has the name by which others find it: they take one that nobody locks for a killed run's.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, msgspec.json.encode(_Content(engine, tuple(containers))))
        sync_file(descriptor)
        new.rename(path)
        sync_folder(folder)
        yield HeldNote(path, tuple(containers))
    finally:
        os.close(descriptor)


def forgotten_notes(engine: str) -> Iterator[HeldNote]:
    """The notes of killed runs on that engine, one by one, each locked while the caller has it.

    EngineError where one cannot be read.
    """
    for path in sorted(own_folder().glob("held-*.json")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that another run has just finished is gone, though it was open here.
            content = _read(path) if path.exists() else None
            if content and content.engine == engine:
                yield HeldNote(path, content.containers)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def _read(path: Path) -> _Content:
    try:
        return from_json(path.read_bytes(), _Content)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        mend = f"start the containers that should run (docker start NAME), then remove it: rm {path}"
        raise EngineError(
            f"docker: read which containers a killed run had stopped: {path}", str(error), mend
        ) from error
