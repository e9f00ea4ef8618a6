"""Which backups a drill command is to take: from its options, and as `--check` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local import clock
from local.drill.targets import Choice, parse_choice
from local.output import tables
from local.output.listing import listing
from local.output.screen import Screen
from local.settings import Database, Settings
from local.store import catalog
from local.store.interface import Store
from local.store.open import open_store


@dataclass(frozen=True)
class Selection:
    """The databases to drill, and which backup of each, in the store below `prefix`."""

    store: Store
    prefix: str
    databases: tuple[Database, ...]
    choice: Choice


def select(configured: Settings, only: Sequence[str], date: str, at: str) -> Selection:
    """What `--only`, `--date` and `--at` ask for, in the configured store; ConfigError where they cannot be meant."""
    databases, choice = configured.select(only), parse_choice(date, at)
    return Selection(open_store(configured.store, configured.azure), configured.store.prefix, databases, choice)


def show(selection: Selection, screen: Screen) -> int:
    """Show the backups that the drill would take; 1 if there is none for one of the databases, else 0."""
    known = catalog.points(selection.store, selection.prefix)
    choice = selection.choice
    points = [catalog.choose(known, database.name, choice.day, choice.at) for database in selection.databases]
    found = listing([point for point in points if point])
    screen.show(found, lambda shown_on, taken: tables.listing(shown_on, taken, clock.now()))
    return 0 if all(points) else 1
