"""Which backups a drill takes, and all that is known of each before it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from local import clock
from local.drill.order import Target
from local.report import DrilledDatabase, Step
from local.settings import Database
from local.store import catalog, layout
from local.store.catalog import Point
from local.store.interface import Store

LINK_SECONDS = 60 * 60
# A new blob and its sidecar are committed within a second of each other; a sidecar that is older stays wrong.
_SETTLE_SECONDS = 3


@dataclass(frozen=True)
class Choice:
    """Which point in time: the newest, or the newest of a UTC day, or not later than a moment."""

    day: date | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Chosen:
    """What can be drilled, and the verdicts on the databases of which there is no backup to drill."""

    targets: tuple[Target, ...]
    missing: tuple[DrilledDatabase, ...]


def parse_choice(day: str, at: str) -> Choice:
    """The choice that `--date` and `--at` make; ConfigError where one does not read."""
    return Choice(catalog.parse_day(day) if day else None, catalog.parse_moment(at) if at else None)


def choose(
    store: Store,
    prefix: str,
    databases: Sequence[Database],
    choice: Choice,
    sleep: Callable[[float], None] = time.sleep,
) -> Chosen:
    """The chosen backup of each database with its link; a database without one has failed: it can't be restored."""
    known = catalog.points(store, prefix)
    targets: list[Target] = []
    missing: list[DrilledDatabase] = []
    for database in databases:
        point = catalog.choose(known, database.name, choice.day, choice.at)
        if point is None:
            missing.append(_without_backup(database.name, choice))
        else:
            targets.append(_target(store, prefix, database, point, choice, sleep))
    return Chosen(tuple(targets), tuple(missing))


def _without_backup(name: str, choice: Choice) -> DrilledDatabase:
    when = f" of {choice.day}" if choice.day else ""
    when += f" until {clock.timestamp(choice.at)}" if choice.at else ""
    step = Step("download", "failed", 0.0, f"the store holds no backup{when}; invoke backup.list shows what there is")
    return DrilledDatabase(name, "failed", None, None, None, None, None, (step,), {})


def _target(
    store: Store, prefix: str, database: Database, point: Point, choice: Choice, sleep: Callable[[float], None]
) -> Target:
    content = store.read(layout.sidecar_name(point.entry.name)) if point.current else None
    waited = 0
    while point.current and _differ(point, content) and waited < _SETTLE_SECONDS:
        sleep(1)
        waited += 1
        again = catalog.from_entries(store.entries(f"{prefix}/{point.day}"), prefix)
        point = catalog.choose(again, database.name, choice.day, choice.at) or point
        content = store.read(layout.sidecar_name(point.entry.name))
    sidecar = layout.parse_sidecar(content) if content else None
    problem = point.trouble
    if point.current and not sidecar:
        problem = "the sidecar is missing" if content is None else "the sidecar holds no SHA-256"
    recorded = point.recorded
    digests = (("metadata", recorded.sha256), ("sidecar", sidecar))
    return Target(
        name=database.name,
        url=store.link(point.entry, LINK_SECONDS),
        blob=point.entry.name,
        backup_time=clock.timestamp(point.taken),
        gzip_bytes=point.entry.size,
        database_bytes=recorded.raw_bytes,
        sha256=tuple((where, digest) for where, digest in digests if digest),
        sidecar_problem=problem,
        raw_sha256=recorded.raw_sha256,
        schema=recorded.schema_sha256,
        tables=recorded.rows,
        minimum=database.rows,
        etag=point.entry.etag,
    )


def _differ(point: Point, sidecar: bytes | None) -> bool:
    return sidecar is None or (
        point.recorded.sha256 is not None and layout.parse_sidecar(sidecar) != point.recorded.sha256
    )
