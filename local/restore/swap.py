"""Exchanging a live file that is no database, by a rename: its sidecars go first, so that none is replayed over it.

The former file gets a second name before, so that at no instant nothing stands at the live path; until the rename all
of it can be taken back, and after it all of it can be finished, by the numbers of the files alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from local.restore.facts import SIDECARS
from local.restore.kept import inode
from local.store.durable import sync_folder


def put_in_place(staged: Path, live: Path, kept: Path) -> None:
    """Rename `staged` to `live`, whose sidecars become those of `kept`; a file at `live` must have a second name."""
    move_sidecars(live, kept)
    staged.replace(live)
    sync_folder(live.parent)


def take_away(live: Path, kept: Path) -> None:
    """As `put_in_place`, where nothing had stood at `live` before: it becomes `kept`, its second name, alone."""
    move_sidecars(live, kept)
    live.unlink(missing_ok=True)
    sync_folder(live.parent)


def move_sidecars(source: Path, target: Path) -> None:
    """Each sidecar of `source` becomes one of `target`; where that has it already, both stay."""
    for end in SIDECARS:
        old, new = (path.with_name(path.name + end) for path in (source, target))
        if os.path.lexists(old) and not os.path.lexists(new):
            old.rename(new)
    sync_folder(source.parent)


def drop(path: Path, number: int | None) -> None:
    """Remove a copy that is not needed, if it is the file of that number."""
    if number is not None and inode(path) == number:
        with suppress(FileNotFoundError):
            path.unlink()
        sync_folder(path.parent)
