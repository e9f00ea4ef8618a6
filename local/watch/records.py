"""The drill records in the store, read as what anybody may have written there: one that cannot be is told, not used."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from local.errors import StoreError
from local.report import STEPS, DrilledDatabase, DrillReport, Verdict
from local.store.catalog import is_future
from local.store.interface import Entry, Store
from local.store.shelf import Kind, by_kind
from local.typed import from_json

FOLDER = "drills"
_READS_AT_ONCE = 8
_TEXT_LIMIT_CHARACTERS = 200


@dataclass(frozen=True)
class DrillResult:
    """What one drill found for one database or volume: of which content, when, and in how many seconds it was brought
    back.
    """

    name: str
    verdict: Verdict
    started: datetime
    blob: str | None
    sha256: str | None
    seconds: float
    detail: str
    record: str
    kind: Kind = "database"


@dataclass(frozen=True)
class DayRecords:
    """The results in the records of one day, and what is wrong with those that cannot be used, in words."""

    results: tuple[DrillResult, ...]
    troubles: tuple[str, ...]


def read_day(store: Store, day: date, now: datetime) -> DayRecords:
    """Every drill record of a UTC day; raises what the store raises where it cannot be reached."""
    entries = [entry for entry in store.entries(f"{FOLDER}/{day}") if entry.version is None]
    with ThreadPoolExecutor(_READS_AT_ONCE, "records") as pool:
        read = list(pool.map(lambda entry: _read(store, entry, now), entries))
    results = tuple(result for found in read for result in found.results)
    return DayRecords(results, tuple(trouble for found in read for trouble in found.troubles))


def parse(name: str, content: bytes, now: datetime) -> tuple[DrillResult, ...]:
    """The results in a drill record called `name`; ValueError, in words, where it is none that a drill wrote."""
    report, started = read_report(name, content, now)
    drilled = by_kind(report.databases, report.volumes)
    return tuple(_result(found, started, name, kind) for kind, found in drilled)


def read_report(name: str, content: bytes, now: datetime) -> tuple[DrillReport, datetime]:
    """The whole report in a drill record called `name`, and when it began; ValueError, in words, as `parse`."""
    try:
        report = from_json(content, DrillReport)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it has not the form of one ({str(error)[:_TEXT_LIMIT_CHARACTERS]})") from error
    started = _moment(report.drill.started)
    if started is None or f"/{started.date()}/" not in name:
        raise ValueError(f"it says that it began at {report.drill.started[:40]!r}, which is no time of its day")
    if is_future(started, now):
        raise ValueError("it is in the future (whose clock is wrong? date -u)")
    if report.drill.check:
        raise ValueError("it is of a check, by which nothing is drilled")
    for found in report.sources:
        _check(found)
    return report, started


def newest(results: Iterable[DrillResult]) -> DrillResult | None:
    """The last of them; None where there is none."""
    return max(results, key=lambda result: result.started, default=None)


def _read(store: Store, entry: Entry, now: datetime) -> DayRecords:
    try:
        content = store.read(entry.name)
        return DayRecords(parse(entry.name, content, now) if content is not None else (), ())
    except (StoreError, ValueError) as error:
        return DayRecords((), (f"the drill record {entry.name} is not counted: {error}",))


def _check(database: DrilledDatabase) -> None:
    """ValueError where the result cannot be a drill's: a proof is what is counted on."""
    if any(step.seconds < 0 for step in database.steps):
        raise ValueError(f"of {database.name} it tells a step that took less than no time")
    if database.verdict != "passed":
        return
    passed = tuple(step.name for step in database.steps if step.verdict == "passed")
    if passed != STEPS or len(database.steps) != len(STEPS):
        raise ValueError(f"it says that {database.name} passed without all five steps")
    if not database.sha256 or not database.blob or not database.database_bytes:
        raise ValueError(f"it says that {database.name} passed without saying what of it")


def _result(found: DrilledDatabase, started: datetime, record: str, kind: Kind) -> DrillResult:
    seconds = round(sum(step.seconds for step in found.steps), 3)
    detail = next((f"{step.name}: {step.detail}" for step in found.steps if step.verdict != "passed"), "")
    return DrillResult(found.name, found.verdict, started, found.blob, found.sha256, seconds, detail, record, kind)


def _moment(text: str) -> datetime | None:
    """An RFC 3339 moment in UTC; None where it does not read as one."""
    try:
        return msgspec.convert(text, datetime) if text.endswith("Z") else None
    except msgspec.ValidationError:
        return None
