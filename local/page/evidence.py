"""The drills as evidence: a line for each database of each drill, and the calendar of all months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from local import clock
from local.page.facts import KeptDrill, KeptDrills, Period
from local.report import DrilledDatabase, Step, Verdict

# Of a page that a phone can still show.
LINES_MAX = 5000
# Beside those that are configured anybody's drill record may name some.
DATABASES_MAX = 60


class EvidenceLine(msgspec.Struct, frozen=True):
    """What one drill found for one database; `restore_seconds` is what its steps took, all together.

    `rows_restored` counts over all tables of the restored copy; `tables_compared` are those whose count was recorded
    at the backup, `tables_as_recorded` those where it is the same.
    """

    name: str
    verdict: Verdict
    drill_time: str
    where: str
    host: str
    fallback: str | None
    restore_seconds: float
    backup_time: str | None
    blob: str | None
    sha256: str | None
    gzip_bytes: int | None
    database_bytes: int | None
    rows_restored: int
    tables: int
    tables_compared: int
    tables_as_recorded: int
    checks: dict[str, bool | None]
    steps: tuple[Step, ...]
    tool: str
    sqlite: str | None
    python: str | None
    record: str


@dataclass(frozen=True)
class CalendarCell:
    """How many drills of one database in one month came to each verdict."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0


@dataclass(frozen=True)
class CalendarMonth:
    """One month: a cell for each database, its lines, and how many of its records were not read or not usable."""

    month: str
    cells: tuple[CalendarCell, ...]
    lines: tuple[EvidenceLine, ...]
    unread: int
    unusable: int


@dataclass(frozen=True)
class Calendar:
    """Every month of the period, the newest first; `lines_left_out` were one too many for a page."""

    databases: tuple[str, ...]
    months: tuple[CalendarMonth, ...]
    lines_left_out: int


def lines_of(drills: Iterable[KeptDrill], only: Sequence[str] = ()) -> tuple[EvidenceLine, ...]:
    """The lines of these drills in their order; only those of the databases in `only`, where that names any."""
    return tuple(
        _line(drill, database)
        for drill in drills
        for database in drill.report.databases
        if not only or database.name in only
    )


def calendar(lines: Sequence[EvidenceLine], names: Sequence[str], kept: KeptDrills, period: Period) -> Calendar:
    """The months of a period; `names` come first among the databases. Counts are of all lines, those left out too."""
    databases = tuple(dict.fromkeys([*names, *(line.name for line in lines)]))[:DATABASES_MAX]
    verdicts = Counter((_month(line.drill_time), line.name, line.verdict) for line in lines)
    shown: dict[str, list[EvidenceLine]] = {}
    for line in lines[:LINES_MAX]:
        shown.setdefault(_month(line.drill_time), []).append(line)
    unread = Counter(_month(day.isoformat()) for day in kept.unread)
    unusable = Counter(_month(each.day.isoformat()) for each in kept.unusable)
    months = tuple(
        CalendarMonth(
            month,
            tuple(_cell(verdicts, month, name) for name in databases),
            tuple(shown.get(month, ())),
            unread[month],
            unusable[month],
        )
        for month in _months(period)
    )
    return Calendar(databases, months, max(0, len(lines) - LINES_MAX))


def _line(drill: KeptDrill, database: DrilledDatabase) -> EvidenceLine:
    told = drill.report.drill
    rows = database.rows.values()
    compared = [count for count in rows if count.recorded is not None]
    return EvidenceLine(
        name=database.name,
        verdict=database.verdict,
        drill_time=clock.timestamp(drill.started),
        where=told.where,
        host=told.host,
        fallback=told.fallback,
        restore_seconds=round(sum(step.seconds for step in database.steps), 3),
        backup_time=database.backup_time,
        blob=database.blob,
        sha256=database.sha256,
        gzip_bytes=database.gzip_bytes,
        database_bytes=database.database_bytes,
        rows_restored=sum(count.restored or 0 for count in rows),
        tables=sum(count.restored is not None for count in rows),
        tables_compared=len(compared),
        tables_as_recorded=sum(count.restored == count.recorded for count in compared),
        checks=database.checks,
        steps=database.steps,
        tool=told.tool,
        sqlite=told.sqlite,
        python=told.python,
        record=drill.record,
    )


def _cell(verdicts: Counter[tuple[str, str, Verdict]], month: str, name: str) -> CalendarCell:
    return CalendarCell(
        verdicts[month, name, "passed"], verdicts[month, name, "failed"], verdicts[month, name, "inconclusive"]
    )


def _month(moment: str) -> str:
    """2026-05 of a day or a moment."""
    return moment[:7]


def _months(period: Period) -> list[str]:
    """Every month that has a day in the period, the newest first."""
    first, last = (day.year * 12 + day.month - 1 for day in (period.first, period.last))
    return [_month(date(number // 12, number % 12 + 1, 1).isoformat()) for number in range(last, first - 1, -1)]
