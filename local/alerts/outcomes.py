"""What a backup, a drill, an error and a status say of each database, as outcomes that alerts are decided from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from local.alerts.state import Observation
from local.errors import LockHeldError, PillarError
from local.report import BackupReport, DrilledDatabase, DrillReport
from local.watch.status import DatabaseStatus, Status

WorkKind = Literal["backup", "drill"]


def of_backup(report: BackupReport, now: datetime) -> Iterator[Observation]:
    """The backup of each database and volume, and its drill where it was proven at once."""
    for source in report.sources:
        yield Observation(
            source.name,
            "backup",
            source.verdict == "failed",
            now,
            source.error or "",
            f"invoke backup --only {source.name}",
        )
    if report.proof:
        yield from _of_drilled(report.proof.sources, now)


def of_drill(report: DrillReport, now: datetime) -> Iterator[Observation]:
    """Each drill; one that is inconclusive is neither a failure nor a success of the backup."""
    yield from _of_drilled(report.sources, now)


def of_error(kind: WorkKind, names: Sequence[str], error: Exception, now: datetime) -> Iterator[Observation]:
    """An error that ended the whole of it: no backup was made, no drill was carried out.

    Another run that is under way is neither: it tells for itself.
    """
    if isinstance(error, LockHeldError):
        return
    mend = error.mend if isinstance(error, PillarError) else ""
    for name in names:
        again = f"invoke backup --only {name}" if kind == "backup" else f"invoke drill.local --only {name}"
        told = f"{mend}; then: {again}" if mend else again
        yield Observation(name, "backup" if kind == "backup" else "attempt", True, now, error_text(error), told)


def of_status(status: Status) -> Iterator[Observation]:
    """What passed a limit, or is within it again; what the store says nothing of has no outcome."""
    seen = datetime.fromisoformat(status.status.status_time)
    for database in status.databases:
        yield _late(database, "backup", "age", seen)
        if database.last_backup is None:
            continue
        yield _late(database, "unchanged", "unchanged", seen)
        yield _late(database, "proof", "proof", seen)
        drill = _late(database, "drill", "drill", seen)
        if drill.is_wrong:
            yield drill
        elif database.drill_time:
            # A failure that is younger than the last proof stands, whether its record reached the store or not.
            yield Observation(database.name, "drill", False, datetime.fromisoformat(database.drill_time))


def error_text(error: Exception) -> str:
    """What was tried and what came back; a bug by its kind."""
    return str(error) if isinstance(error, PillarError | OSError) else f"{type(error).__name__}: {error}"


def _of_drilled(databases: Iterable[DrilledDatabase], now: datetime) -> Iterator[Observation]:
    for database in databases:
        detail = "; ".join(f"{step.name}: {step.detail}" for step in database.steps if step.verdict != "passed")
        mend = f"invoke drill.local --only {database.name}"
        is_open = database.verdict == "inconclusive"
        yield Observation(database.name, "attempt", is_open, now, detail, mend)
        if not is_open:
            yield Observation(database.name, "drill", database.verdict == "failed", now, detail, mend)


def _late(
    database: DatabaseStatus,
    lateness: Literal["backup", "unchanged", "proof", "drill"],
    kind: Literal["age", "unchanged", "proof", "drill"],
    seen: datetime,
) -> Observation:
    found = next((late for late in database.late if late.kind == lateness), None)
    if found is None:
        return Observation(database.name, kind, False, seen)
    return Observation(database.name, kind, True, seen, found.message, found.mend)
