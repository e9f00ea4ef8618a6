"""A backup that was removed while it was drilled, as `backup.prune` does by its rules: nothing is proven of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from local import clock
from local.drill.targets import Selection
from local.drill.verdict import ProgramResult
from local.errors import PillarError
from local.report import DrilledDatabase, Step
from local.store.repository import Repository
from local.store.shelf import VOLUMES

_REMOVED = "it was removed from the store since it was chosen (by invoke backup.prune?): run the drill again"


def judged_again(selection: Selection, outcome: ProgramResult) -> ProgramResult:
    """The results; a download that failed is inconclusive where the store no longer lists that point in time."""
    databases, volumes = (
        tuple(_judged_again(repository, each) for each in drilled)
        for repository, drilled in (
            (selection.repository, outcome.databases),
            (selection.repository.on(VOLUMES), outcome.volumes),
        )
    )
    return replace(outcome, databases=databases, volumes=volumes)


def _judged_again(repository: Repository, database: DrilledDatabase) -> DrilledDatabase:
    last = database.steps[-1] if database.steps else None
    if database.verdict != "failed" or last is None or last.name != "download" or database.blob is None:
        return database
    why = _why_nothing_is_known(repository, database)
    if why is None:
        return database
    step = Step(last.name, "inconclusive", last.seconds, f"{last.detail}; {why}")
    return msgspec.structs.replace(database, verdict="inconclusive", steps=(*database.steps[:-1], step))


def _why_nothing_is_known(repository: Repository, database: DrilledDatabase) -> str | None:
    """Why the failure says nothing of the backup; None where the store has it still, and so it is one."""
    parsed = repository.shelf.parse(database.blob or "")
    if parsed is None:
        return None
    try:
        points = repository.points_of(parsed[0], [parsed[1]])
    except PillarError as error:
        return f"whether it was removed could not be looked at ({error})"
    there = any(
        (point.entry.name, clock.timestamp(point.taken)) == (database.blob, database.backup_time) for point in points
    )
    return None if there else _REMOVED
