"""The drills as evidence: a line for each database and volume of each drill, and the calendar of all months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local import clock
from local.page.facts import KeptDrill, KeptDrills, Period
from local.report import (
    BackupTime,
    Blob,
    DatabaseBytes,
    DatabaseName,
    DrilledDatabase,
    GzipBytes,
    Moment,
    RowCount,
    Sha256,
    Step,
    Verdict,
)
from local.shadow_tables import shadow_tables
from local.store.shelf import Kind

# Of a page that a phone can still show.
LINES_MAX = 5000
# Beside those that are configured anybody's drill record may name some.
NAMES_MAX = 60
# What a drill of a volume counts beside the tables of the databases in it.
_OF_FILES = ("files", "bytes")


class EvidenceLine(msgspec.Struct, frozen=True):
    """What one drill found for one database or volume."""

    name: DatabaseName
    verdict: Annotated[Verdict, Meta(description="what the drill found for it")]
    drill_time: Annotated[Moment, Meta(description="when the drill began")]
    where: Annotated[Literal["local", "remote"], Meta(description="on a machine of one's own, or on the Azure VM")]
    host: Annotated[str, Meta(description="what that machine is called")]
    fallback: Annotated[str | None, Meta(description="why it did not run on the VM")]
    restore_seconds: Annotated[float, Meta(description="what its steps took, all together")]
    backup_time: BackupTime
    blob: Blob
    sha256: Sha256
    gzip_bytes: GzipBytes
    database_bytes: DatabaseBytes
    rows_restored: Annotated[
        int, Meta(description="counted over all tables of the restored copy; of a volume, of the databases in it")
    ]
    tables: Annotated[int, Meta(description="tables that were counted there")]
    shadow_rows: Annotated[
        int, Meta(description="of `rows_restored`, those of shadow tables, which SQLite's virtual tables keep (FTS)")
    ]
    shadow_tables: Annotated[int, Meta(description="of `tables`, the shadow tables")]
    tables_compared: Annotated[int, Meta(description="tables whose count was recorded at the backup")]
    tables_as_recorded: Annotated[int, Meta(description="those of them where it is the same")]
    checks: Annotated[
        dict[str, bool | None],
        Meta(description="by name, whether each configured check holds; null where it was not evaluated"),
    ]
    steps: Annotated[tuple[Step, ...], Meta(description="as in a drill's document")]
    tool: Annotated[str, Meta(description="the product that drilled, and its version")]
    sqlite: Annotated[str | None, Meta(description="version of the SQLite that checked")]
    python: Annotated[str | None, Meta(description="version of the Python that checked")]
    record: Annotated[str, Meta(description="name of the drill's record in the store")]
    kind: Annotated[Kind, Meta(description="what was restored")] = "database"
    files: Annotated[int | None, Meta(description="of a volume, what was counted in its restored tar")] = None
    file_bytes: Annotated[int | None, Meta(description="of a volume, how many bytes those files have")] = None
    files_as_recorded: Annotated[
        bool | None,
        Meta(description="of a volume, whether both are as at the backup; null where that is not recorded"),
    ] = None


@dataclass(frozen=True)
class CalendarCell:
    """How many drills of one database in one month came to each verdict."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0


@dataclass(frozen=True)
class CalendarMonth:
    """One month: a cell for each name, its lines, and how many of its records were not read or not usable."""

    month: str
    cells: tuple[CalendarCell, ...]
    lines: tuple[EvidenceLine, ...]
    unread: int
    unusable: int


@dataclass(frozen=True)
class Calendar:
    """Every month of the period, the newest first; `lines_left_out` were one too many for a page."""

    names: tuple[str, ...]
    months: tuple[CalendarMonth, ...]
    lines_left_out: int


def lines_of(drills: Iterable[KeptDrill], only: Sequence[str] = ()) -> tuple[EvidenceLine, ...]:
    """The lines of these drills in their order; only those of what is in `only`, where that names any."""
    return tuple(line for drill in drills for line in _lines(drill) if not only or line.name in only)


def calendar(lines: Sequence[EvidenceLine], names: Sequence[str], kept: KeptDrills, period: Period) -> Calendar:
    """The months of a period; `names` come first in each. Counts are of all lines, those left out too."""
    told = tuple(dict.fromkeys([*names, *(line.name for line in lines)]))[:NAMES_MAX]
    verdicts = Counter((_month(line.drill_time), line.name, line.verdict) for line in lines)
    shown: dict[str, list[EvidenceLine]] = {}
    for line in lines[:LINES_MAX]:
        shown.setdefault(_month(line.drill_time), []).append(line)
    unread = Counter(_month(day.isoformat()) for day in kept.unread)
    unusable = Counter(_month(each.day.isoformat()) for each in kept.unusable)
    months = tuple(
        CalendarMonth(
            month,
            tuple(_cell(verdicts, month, name) for name in told),
            tuple(shown.get(month, ())),
            unread[month],
            unusable[month],
        )
        for month in _months(period)
    )
    return Calendar(told, months, max(0, len(lines) - LINES_MAX))


def _lines(drill: KeptDrill) -> Iterator[EvidenceLine]:
    for database in drill.report.databases:
        yield _line(drill, database, database.rows)
    for volume in drill.report.volumes:
        tables = {name: count for name, count in volume.rows.items() if name not in _OF_FILES}
        counts = [volume.rows.get(name) for name in _OF_FILES]
        files, file_bytes = (count.restored if count else None for count in counts)
        compared = [count.restored == count.recorded for count in counts if count and count.recorded is not None]
        line = _line(drill, volume, tables)
        yield msgspec.structs.replace(
            line,
            kind="volume",
            files=files,
            file_bytes=file_bytes,
            files_as_recorded=all(compared) if compared else None,
        )


def _line(drill: KeptDrill, database: DrilledDatabase, tables: Mapping[str, RowCount]) -> EvidenceLine:
    told = drill.report.drill
    rows, hidden = tables.values(), shadow_tables(tables)
    shadows = [count for name, count in tables.items() if name in hidden]
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
        shadow_rows=sum(count.restored or 0 for count in shadows),
        shadow_tables=sum(count.restored is not None for count in shadows),
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
