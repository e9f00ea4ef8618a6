"""The page's facts read from a store, in bounded time, and as what anybody may have written there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from itertools import chain
from typing import TypeVar

from local.errors import StoreError
from local.page.facts import KeptDrill, KeptDrills, PageFacts, Period, UnusableRecord
from local.report import DrilledDatabase
from local.settings import Settings
from local.store.catalog import Point, is_future
from local.store.interface import Entry
from local.store.repository import Repository
from local.store.shelf import VOLUMES
from local.watch import records, status
from local.watch.facts import is_readable
from local.watch.history import gather, is_missing

# Drills a day for five years, or of every backup at `schedule.every: 4h` for one.
RECORDS_MAX = 2000
# A drill of 20 databases with 1,000 tables each writes less.
RECORD_BYTES_MAX = 4 * 1024 * 1024
_READS_AT_ONCE = 8
_COUNT_MAX = 2**63 - 1
_SECONDS_MAX = 10_000_000.0

T = TypeVar("T")
R = TypeVar("R")


def read(repository: Repository, configured: Settings, only: Sequence[str], now: datetime, days: int) -> PageFacts:
    """The facts of the databases and volumes that `only` names, or of all; raises ConfigError and what the store
    raises.
    """
    databases, volumes = configured.select(only), configured.select_volumes(only)
    limits = status.limits_of(configured)
    names = [database.name for database in databases]
    found = gather(repository, names, now, limits.max_age_days, [volume.name for volume in volumes])
    missing = [database.name for database in databases if is_missing(database.path)]
    period = Period.ending(now, days)
    return PageFacts(
        store=configured.store.url,
        period=period,
        limits=limits,
        status=status.judge(found, limits, missing),
        points=(*_read_points(repository, period, now), *_read_points(repository.on(VOLUMES), period, now)),
        kept=read_drills(repository, period, now),
    )


def read_drills(repository: Repository, period: Period, now: datetime, most: int = RECORDS_MAX) -> KeptDrills:
    """The newest `most` drill records of a period; those that cannot be a drill's are told and not used."""
    store = repository.store
    days = period.days_among(store.folders(records.FOLDER))
    listed = [
        (entry, day)
        for day, entries in zip(days, _at_once(lambda day: _records_of(repository, day), days), strict=True)
        for entry in entries
    ]
    read = _at_once(lambda found: _read_record(repository, *found, now), listed[:most])
    return KeptDrills(
        tuple(sorted((each for each in read if isinstance(each, KeptDrill)), key=_started, reverse=True)),
        tuple(each for each in read if isinstance(each, UnusableRecord)),
        tuple(day for _, day in listed[most:]),
    )


def _read_points(repository: Repository, period: Period, now: datetime) -> tuple[Point, ...]:
    days = period.days_among(repository.store.folders(repository.prefix))
    found = chain.from_iterable(_at_once(repository.points_of, days))
    return tuple(point for point in found if is_readable(point) and not is_future(point.taken, now))


def _records_of(repository: Repository, day: date) -> list[Entry]:
    """The day's records, the newest first: their names begin with the time."""
    entries = repository.store.entries(f"{records.FOLDER}/{day}")
    return sorted((entry for entry in entries if entry.version is None), key=lambda entry: entry.name, reverse=True)


def _read_record(repository: Repository, entry: Entry, day: date, now: datetime) -> KeptDrill | UnusableRecord | None:
    """None where it was removed meanwhile."""
    try:
        if entry.size > RECORD_BYTES_MAX:
            raise ValueError(f"it has {entry.size} bytes, more than any drill writes")
        content = repository.store.read(entry.name)
        if content is None:
            return None
        report, started = records.read_report(entry.name, content, now)
        for found in report.sources:
            _check_figures(found)
    except (StoreError, ValueError) as error:
        return UnusableRecord(entry.name, day, str(error))
    return KeptDrill(entry.name, started, report)


def _check_figures(database: DrilledDatabase) -> None:
    """ValueError where a figure is one that no drill can have counted."""
    counts = [count for row in database.rows.values() for count in (row.restored, row.recorded, row.minimum)]
    counts += (database.gzip_bytes, database.database_bytes)
    if any(count is not None and not 0 <= count <= _COUNT_MAX for count in counts):
        raise ValueError("it tells a count that nothing can have")
    if any(step.seconds > _SECONDS_MAX for step in database.steps):
        raise ValueError("it tells a step that took longer than anything can")


def _started(drill: KeptDrill) -> datetime:
    return drill.started


def _at_once(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(_READS_AT_ONCE, "page") as pool:
        return list(pool.map(work, items))
