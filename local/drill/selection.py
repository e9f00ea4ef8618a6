"""Which backups a drill command is to take: from its options, and as `--check` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from local.drill.preview import preview
from local.drill.targets import Selection, Source
from local.events import Watch
from local.output import tables
from local.output.screen import Screen
from local.report import exit_code
from local.settings import Settings
from local.store.catalog import parse_choice
from local.store.open import open_repository


def select(configured: Settings, only: Sequence[str], date: str | None, at: str | None) -> Selection:
    """What `--only`, `--date` and `--at` ask for, in the configured store; ConfigError where they cannot be meant."""
    databases, volumes, choice = configured.select(only), configured.select_volumes(only), parse_choice(date, at)
    return Selection(open_repository(configured.store, configured.azure), databases, choice, volumes)


def newest_of(configured: Settings, only: Sequence[str], date: str | None, at: str | None) -> tuple[Source, ...]:
    """The databases and volumes of which the newest backup is asked for: none with `--date` or `--at`.

    A drill of an old point says nothing of how a database stands today.
    """
    return (*configured.select(only), *configured.select_volumes(only)) if date is None and at is None else ()


def watched(selection: Selection, watch: Watch) -> Selection:
    """The same, where `watch` hears of the backups that are passed over."""
    return replace(selection, repository=replace(selection.repository, watch=watch))


def show(selection: Selection, screen: Screen, where: Literal["local", "remote"], host: str) -> int:
    """Show what a drill on `host` would take; the exit code is that of what is known of it already."""
    with screen.watching() as watch:
        found = preview(watched(selection, watch), where, host)
    screen.show(found, tables.drill_check)
    return exit_code(found.drill.verdict)
