"""Points, drills and facts as plain values, for decisions that are tested as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local.report import Verdict
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.layout import BackupRecord
from local.store.shelf import Shelf
from local.watch.records import DrillResult
from tests.support.shelf import SHELF

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def point(
    taken: datetime,
    name: str = "costs",
    version: str | None = None,
    size: int = 100,
    shelf: Shelf = SHELF,
    **recorded: Any,
) -> Point:
    """A backup of that moment, the current one; unless it is told otherwise its content is its own, and has rows."""
    told = {"sha256": f"{int(taken.timestamp() * 1000):064x}", "row_total": 7, **recorded}
    entry = Entry(shelf.data_name(taken.date(), name), size, taken, version)
    return Point(name, taken.date(), taken, entry, BackupRecord(taken=taken, **told), kind=shelf.kind)


def points(*times: datetime) -> list[Point]:
    """Backups of these moments; all but the last of each day are former contents."""
    last = {taken.date(): taken for taken in sorted(times)}
    return [point(taken, version=None if taken in last.values() else f"v{taken:%H%M}") for taken in times]


def drill(of: Point, started: datetime, verdict: Verdict = "passed", seconds: float = 2.5) -> DrillResult:
    record = f"drills/{started.date()}/x.json"
    detail = "" if verdict == "passed" else "rows: too few"
    return DrillResult(of.name, verdict, started, of.entry.name, of.recorded.sha256, seconds, detail, record)
