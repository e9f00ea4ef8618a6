"""What a backup does in a folder, one run each, to be cut short at any point (`tests.support.file_faults`)."""

from __future__ import annotations

from pathlib import Path

from local.store.folder import FolderStore
from tests.local.store.archives import LAST, LAST_TAKEN, LATER, NAME, NEXT_DAY, current, put


def commit(folder: Path) -> None:
    """A new content of a day that has one or more."""
    store = FolderStore(folder)
    with store.lock():
        put(store, LAST)


def repeat_on_the_next_day(folder: Path) -> None:
    """The content of the day before, found again."""
    store = FolderStore(folder)
    with store.lock():
        store.repeat(NEXT_DAY, current(store), LATER.at(LAST_TAKEN))


def repeat_over_another(folder: Path) -> None:
    """The content of another day takes the place of the day's own."""
    store = FolderStore(folder)
    with store.lock():
        store.repeat(NAME, current(store, NEXT_DAY), current(store, NEXT_DAY).metadata)


def write_a_record(folder: Path) -> None:
    """The record of a drill."""
    FolderStore(folder).write("drills/2026-05-05/record.json", b"new" * 1000)
