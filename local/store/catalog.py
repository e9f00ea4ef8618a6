"""Which backup: the points in time among a store's entries, and the one that a name, a day and a moment choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from local.errors import ConfigError
from local.store import layout
from local.store.interface import Entry
from local.store.layout import Recorded


@dataclass(frozen=True)
class Point:
    """One content of one day's blob that can be restored; `trouble` is why its metadata does not read."""

    database: str
    day: date
    taken: datetime
    entry: Entry
    recorded: Recorded
    trouble: str | None = None

    @property
    def current(self) -> bool:
        """Whether the blob's name alone leads to it; a former content is reached through `--at`."""
        return self.entry.version is None


@dataclass(frozen=True)
class Choice:
    """Which point in time: the newest, of a UTC day where one is given, and not later than a moment where one is."""

    day: date | None = None
    at: datetime | None = None

    def admits(self, point: Point) -> bool:
        """Whether the point is of that day and not later than that moment."""
        return (self.day is None or point.day == self.day) and (self.at is None or point.taken <= self.at)


NEWEST = Choice()


def from_entries(entries: Iterable[Entry], prefix: str) -> tuple[Point, ...]:
    """The points in time among a store's entries: no sidecars, no unfinished uploads, no content twice."""
    found: dict[tuple[str, datetime, str | None], Point] = {}
    for entry in entries:
        point = _point(entry, prefix)
        if point is None or layout.SEED_KEY in entry.metadata:
            continue
        key = (entry.name, point.taken, point.recorded.sha256)
        if key not in found or point.current:
            found[key] = point
    return tuple(sorted(found.values(), key=lambda point: (point.database, point.taken, point.current)))


def choose(known: Iterable[Point], database: str, choice: Choice = NEWEST) -> Point | None:
    """The point in time of a database that the choice means; None where there is none."""
    candidates = [point for point in known if point.database == database and choice.admits(point)]
    return max(candidates, key=lambda point: (point.taken, point.current), default=None)


def parse_choice(day: str, at: str) -> Choice:
    """The choice that `--date` and `--at` make; ConfigError where one does not read."""
    return Choice(parse_day(day) if day else None, parse_moment(at) if at else None)


def parse_day(text: str) -> date:
    """YYYY-MM-DD, or ConfigError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError("--date", f"is {text!r}", "allowed: a UTC day, as in --date 2026-05-05") from None


def parse_moment(text: str) -> datetime:
    """An ISO 8601 moment (UTC where no offset is given; a day alone means its end), or ConfigError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        allowed = "allowed: an ISO 8601 moment, as in --at 2026-05-05T12:00:00Z; invoke backup.list shows them"
        raise ConfigError("--at", f"is {text!r}", allowed) from None
    if len(text) <= len("YYYY-MM-DD"):
        return datetime.combine(moment.date() + timedelta(days=1), time(), UTC) - timedelta(milliseconds=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _point(entry: Entry, prefix: str) -> Point | None:
    parsed = layout.parse_data_name(prefix, entry.name)
    if parsed is None:
        return None
    day, database = parsed
    try:
        recorded, trouble = layout.decode_metadata(entry.metadata), None
    except ValueError as error:
        recorded, trouble = Recorded(), str(error)
    return Point(
        database=database,
        day=day,
        taken=recorded.taken or entry.modified,
        entry=entry,
        recorded=recorded,
        trouble=trouble,
    )
