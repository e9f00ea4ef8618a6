"""What a backup, a drill, an error and a status say of each source, as outcomes that alerts are decided from."""

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
    """Each backup, and its drill where it was proven at once."""
    for source in report.sources:
        again = f"invoke backup --only {source.name}"
        yield Observation(source.name, "backup", source.verdict == "failed", now, source.error or "", again)
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
    for source in status.sources:
        yield _late(source, "backup", "age", seen)
        if source.last_backup is None:
            continue
        yield _late(source, "unchanged", "unchanged", seen)
        yield _late(source, "proof", "proof", seen)
        drill = _late(source, "drill", "drill", seen)
        if drill.is_wrong:
            yield drill
        elif source.drill_time:
            # A failure that is younger than the last proof stands, whether its record reached the store or not.
            yield Observation(source.name, "drill", False, datetime.fromisoformat(source.drill_time))


def error_text(error: Exception) -> str:
    """What was tried and what came back; a bug by its kind."""
    return str(error) if isinstance(error, PillarError | OSError) else f"{type(error).__name__}: {error}"


def _of_drilled(drilled: Iterable[DrilledDatabase], now: datetime) -> Iterator[Observation]:
    for found in drilled:
        detail = "; ".join(f"{step.name}: {step.detail}" for step in found.steps if step.verdict != "passed")
        mend = f"invoke drill.local --only {found.name}"
        is_open = found.verdict == "inconclusive"
        yield Observation(found.name, "attempt", is_open, now, detail, mend)
        if not is_open:
            yield Observation(found.name, "drill", found.verdict == "failed", now, detail, mend)


def _late(
    source: DatabaseStatus,
    lateness: Literal["backup", "unchanged", "proof", "drill"],
    kind: Literal["age", "unchanged", "proof", "drill"],
    seen: datetime,
) -> Observation:
    found = next((late for late in source.late if late.kind == lateness), None)
    if found is None:
        return Observation(source.name, kind, False, seen)
    return Observation(source.name, kind, True, seen, found.message, found.mend)
