"""Which backup: the points in time among a store's entries, and the one that a name, a day and a moment choose."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from local import clock
from local.errors import ConfigError
from local.store import layout
from local.store.interface import Entry
from local.store.layout import BackupRecord
from local.store.shelf import Kind, Shelf

# Clocks of two machines differ a little; a point that is later than this says that one of them is wrong.
SKEW = timedelta(minutes=10)
# An upload that was begun longer ago than this, on another day, is nobody's any more.
AT_WORK_MAX = timedelta(hours=1)
_LAST_OF_DAY = time(23, 59, 59, 999000, UTC)


@dataclass(frozen=True)
class Point:
    """One content of one day's blob that can be restored; `trouble` is why its metadata does not read.

    `taken` is of the UTC day `day`, or of the one before or after it.
    """

    name: str
    day: date
    taken: datetime
    entry: Entry
    recorded: BackupRecord
    trouble: str | None = None
    kind: Kind = "database"

    @property
    def current(self) -> bool:
        """Whether the blob's name alone leads to it; a former content is reached through `--at`."""
        return self.entry.version is None

    @property
    def identity(self) -> tuple[str, datetime, str | None]:
        """What two contents of a blob have in common that are one point: a snapshot of it whose commit then failed."""
        return self.entry.name, self.recorded.taken or self.entry.modified, self.recorded.sha256

    @property
    def contradiction(self) -> str | None:
        """Of what else it says to be a backup than its blob's name; None where the two agree, or it says nothing."""
        told: dict[Kind, str | None] = {"database": self.recorded.database, "volume": self.recorded.volume}
        other = [
            f"the {kind} {name!r}" for kind, name in told.items() if name and (kind, name) != (self.kind, self.name)
        ]
        return " and ".join(other) or None


@dataclass(frozen=True)
class Choice:
    """Which point in time: the newest, of a UTC day where one is given, and not later than a moment where one is.

    Where neither is given, a point in the future is not the newest: it would stay so until its time has come.
    """

    day: date | None = None
    at: datetime | None = None

    def admits(self, point: Point, now: datetime) -> bool:
        """Whether the point is of that day and not later than that moment, or not in the future."""
        if self.day is None and self.at is None:
            return not is_future(point.taken, now)
        return (self.day is None or point.day == self.day) and (self.at is None or point.taken <= self.at)


NEWEST = Choice()


def is_future(taken: datetime, now: datetime) -> bool:
    """Whether a point says to be taken later than now, by more than clocks differ."""
    return taken > now + SKEW


def newest(known: Iterable[Point], name: str) -> Point | None:
    """The point of a database or volume that says to be the last, be it in the future; None where there is none."""
    return max((point for point in known if point.name == name), key=lambda point: point.taken, default=None)


def from_entries(entries: Iterable[Entry], shelf: Shelf) -> tuple[Point, ...]:
    """The points in time among a store's entries: no sidecars, no unfinished uploads, no content twice."""
    found: dict[tuple[str, datetime, str | None], Point] = {}
    for entry in entries:
        point = _point(entry, shelf)
        if point is None or layout.is_unfinished(entry.metadata):
            continue
        if point.identity not in found or point.current:
            found[point.identity] = point
    return tuple(sorted(found.values(), key=listing_order))


def in_stream(entries: Iterable[Entry], shelf: Shelf) -> Iterator[Point]:
    """The same in the order of the entries, of which those of one name follow each other, as a store lists them."""
    for _, contents in groupby(entries, key=lambda entry: entry.name):
        yield from from_entries(contents, shelf)


def listing_order(point: Point) -> tuple[str, datetime, bool, date]:
    """The key by which points are sorted: those of a database together, the oldest first."""
    return point.name, point.taken, point.current, point.day


def abandoned(entries: Iterable[Entry], shelf: Shelf, names: Collection[str], now: datetime) -> tuple[Entry, ...]:
    """The uploads of these names that were begun on an earlier day, and that no run is still at work on.

    Those of this day are taken over by the run that commits under the same name.
    """
    found = []
    for entry in entries:
        parsed = shelf.parse(entry.name)
        if parsed is None or entry.version is not None or not layout.is_unfinished(entry.metadata):
            continue
        day, name = parsed
        if name in names and day < now.date() and entry.modified < now - AT_WORK_MAX:
            found.append(entry)
    return tuple(found)


def choose(known: Iterable[Point], name: str, choice: Choice = NEWEST, now: datetime | None = None) -> Point | None:
    """The point in time of that name that the choice means, as of now; None where there is none."""
    moment = now or clock.now()
    candidates = [point for point in known if point.name == name and choice.admits(point, moment)]
    return max(candidates, key=listing_order, default=None)


def moment_of(choice: Choice) -> datetime:
    """The moment that was asked for: of a day its beginning."""
    return choice.at or datetime.combine(choice.day or date.min, time(), UTC)


def parse_choice(day: str | None, at: str | None) -> Choice:
    """The choice that `--date` and `--at` make; ConfigError where one does not read (nothing does not), or both are."""
    if day is not None and at is not None:
        raise ConfigError("--date and --at", "are both given", "give one: --at alone says the day too")
    return Choice(None if day is None else parse_day(day), None if at is None else parse_moment(at))


def parse_day(text: str) -> date:
    """YYYY-MM-DD, or ConfigError."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError("--date", f"{text!r} is no day", "give a UTC day, as in --date 2026-05-05") from None


def parse_moment(text: str) -> datetime:
    """An ISO 8601 moment (UTC where no offset is given; a day alone means its end), or ConfigError."""
    stripped = text.strip()
    try:
        moment = datetime.fromisoformat(stripped)
        if len(stripped) <= len("YYYY-MM-DD"):
            return datetime.combine(moment.date(), _LAST_OF_DAY)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        mend = "give one as invoke backup.list shows it, as in --at 2026-05-05T12:00:00Z"
        raise ConfigError("--at", f"{text!r} is no moment", mend) from None


def _point(entry: Entry, shelf: Shelf) -> Point | None:
    parsed = shelf.parse(entry.name)
    if parsed is None:
        return None
    day, name = parsed
    try:
        recorded, trouble = layout.decode_metadata(entry.metadata), None
        taken = _shown(recorded.taken or entry.modified)
    except (ValueError, OverflowError, RecursionError) as error:
        recorded, trouble, taken = BackupRecord(), str(error), _shown(entry.modified)
    return Point(name, day, _within(day, taken), entry, recorded, trouble, shelf.kind)


def _within(day: date, taken: datetime) -> datetime:
    """The time, or the nearer end of the UTC day where it is of another than that, the one before and the one after.

    A backup stands under the day on which it was taken. What says otherwise is not the time of its snapshot: a blob of
    the former script that was copied to another account, or a file whose archive alone speaks, and tells when the
    content was made first. A day more on each side leaves room for an upload beyond midnight and for a local date.
    """
    if abs((taken.date() - day).days) <= 1:
        return taken
    return datetime.combine(day, _LAST_OF_DAY if taken.date() > day else time(0, tzinfo=UTC))


def _shown(moment: datetime) -> datetime:
    """To the millisecond, as `backup.list` shows it and `--at` is given it; ValueError where it has no zone."""
    if moment.tzinfo is None:
        raise ValueError(f"the backup's metadata cannot be read: its time {moment.isoformat()} has no zone")
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
