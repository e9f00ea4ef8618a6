"""Which backups a drill command is to take: from its options, and as `--check` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from local import clock
from local.drill.targets import Selection
from local.events import Watch
from local.output import tables
from local.output.listing import listing
from local.output.screen import Screen
from local.settings import Database, Settings
from local.store.catalog import parse_choice
from local.store.open import open_repository


def select(configured: Settings, only: Sequence[str], date: str | None, at: str | None) -> Selection:
    """What `--only`, `--date` and `--at` ask for, in the configured store; ConfigError where they cannot be meant."""
    databases, choice = configured.select(only), parse_choice(date, at)
    return Selection(open_repository(configured.store, configured.azure), databases, choice)


def newest_of(configured: Settings, only: Sequence[str], date: str | None, at: str | None) -> tuple[Database, ...]:
    """The databases of which the newest backup is asked for: none with `--date` or `--at`.

    A drill of an old point says nothing of how a database stands today.
    """
    return configured.select(only) if date is None and at is None else ()


def watched(selection: Selection, watch: Watch) -> Selection:
    """The same, where `watch` hears of the backups that are passed over."""
    return replace(selection, repository=replace(selection.repository, watch=watch))


def show(selection: Selection, screen: Screen) -> int:
    """Show the backups that the drill would take; 1 if there is none for one of the databases, else 0."""
    with screen.watching() as watch:
        repository = watched(selection, watch).repository
        chosen = repository.choose([database.name for database in selection.databases], selection.choice)
    found = listing([point for point in chosen.values() if point])
    screen.show(found, lambda shown_on, taken: tables.listing(shown_on, taken, clock.now()))
    return 0 if all(chosen.values()) else 1
