"""The store of one run: opened, locked, listed, and cleared of what killed runs began."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from local import clock
from local.errors import PillarError
from local.events import Event, Watch
from local.store import catalog
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.repository import Repository


@dataclass(frozen=True)
class Connection:
    """The repository on one kind's shelf, and the newest points in time that it holds there."""

    repository: Repository
    points: tuple[Point, ...]

    def newest(self, name: str) -> Point | None:
        """The content that the newest of that name leads to; None where the store holds none of it."""
        return catalog.choose((point for point in self.points if point.current), name)


def opened(open_repository: Callable[[], Repository], locks: ExitStack | None) -> Repository:
    """The repository; its store's lock is kept in `locks` where something is to be changed.

    Raises LockHeldError while another machine's run is under way in a folder, and the store's errors.
    """
    repository = open_repository()
    if locks:
        locks.enter_context(repository.store.lock())
    return repository


def connect(repository: Repository, names: Sequence[str], watch: Watch, *, checking: bool) -> Connection:
    """The newest points of these names on the repository's shelf; what killed runs began there is discarded, unless
    this is a check. Raises the store's errors.
    """
    now = clock.now()
    entries = repository.recent_entries(names, now.date())
    if not checking:
        for left in catalog.abandoned(entries, repository.shelf, names, now):
            _discard(repository, left, watch)
    return Connection(repository, catalog.from_entries(entries, repository.shelf))


def _discard(repository: Repository, left: Entry, watch: Watch) -> None:
    """What a killed run began on another day; no reader takes it for a backup, so it need not keep this run."""
    try:
        repository.store.discard(left)
    except PillarError as error:
        watch(Event("backup", f"the unfinished {left.name} of a killed run stands there still: {error}", lasting=True))
