"""The backups in a store: which points in time it holds, read as far as they are asked for.

One call names the days that there are. Of a day, the databases that are asked for are looked at one by one, since a
store may hold thousands; where many are asked for, the day is listed as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from itertools import groupby, islice

from local import clock
from local.events import Event, Watch, unwatched
from local.store import catalog
from local.store.catalog import NEWEST, SKEW, Choice, Point
from local.store.interface import Entry, Store
from local.store.search import search
from local.store.shelf import Shelf, parse_day
from local.store.side_by_side import side_by_side

# To look at one database of a day costs as much as some seven entries of a listing, and a day of one has about as many.
_FEW_DATABASES = 100
# Each entry of a month is large until it is decoded, so what is under way is what costs memory.
_MONTHS_AT_ONCE = 3
_NAMES_TOLD = 20


@dataclass(frozen=True)
class Repository:
    """A store, and the shelf on which one kind of backup stands. Every call raises what the store raises.

    `watch` hears of the points that are passed over because they are in the future.
    """

    store: Store
    shelf: Shelf
    watch: Watch = unwatched

    @property
    def prefix(self) -> str:
        """The folder with the days."""
        return self.shelf.prefix

    def on(self, shelf: Shelf) -> Repository:
        """Another shelf of the same store."""
        return replace(self, shelf=shelf)

    def days(self) -> tuple[date, ...]:
        """The UTC days that have a folder, the newest first; nothing of a day is read."""
        return days_in(self.store, self.prefix)

    def entries(self) -> Iterator[Entry]:
        """Every content of every day, the oldest month first, those of a name one after the other."""
        months = sorted({day.isoformat()[:7] for day in self.days()})
        return side_by_side((self.store.entries(self.prefix, month) for month in months), _MONTHS_AT_ONCE)

    def points(self, databases: Collection[str] = ()) -> Iterator[Point]:
        """Every point in time of these databases, or of all, the oldest month first."""
        if databases:
            return self._points(self.days()[::-1], databases)
        return catalog.in_stream(self.entries(), self.shelf)

    def points_of(self, day: date, databases: Collection[str] = ()) -> tuple[Point, ...]:
        """The points in time that stand under one UTC day, of these databases or of all, oldest first by database."""
        return catalog.from_entries(self._entries([day], databases), self.shelf)

    def holds(self, database: str) -> bool:
        """Whether there is any point of a database."""
        return bool(search(self._points, [database], self.days(), 1, lambda found, point: found or point))

    def known_names(self, configured: Iterable[str]) -> list[str]:
        """For a message: the configured names, then those that the newest day with a backup has besides.

        Of more than 20 the first ones and "…"; none of the store's where it has none.
        """
        names = dict.fromkeys(configured)
        for day in self.days():
            of_day = (point.name for point in self._points([day]))
            stored = list(islice(_distinct(of_day), _NAMES_TOLD + 1))
            names.update(dict.fromkeys([*stored[:_NAMES_TOLD], *(["…"] if len(stored) > _NAMES_TOLD else [])]))
            if stored:
                break
        return list(names)

    def recent_entries(self, databases: Collection[str], today: date) -> tuple[Entry, ...]:
        """The contents among which each database's last current one is, unfinished uploads included.

        Those of yesterday and later, and as many days before as it takes. Later than today are some where another
        machine's clock, or this one's of before, is ahead.
        """
        seen: list[Entry] = []

        def read(days: Sequence[date], wanted: Collection[str]) -> Iterable[Point]:
            entries = tuple(self._entries(days, wanted))
            seen.extend(entries)
            return (point for point in catalog.from_entries(entries, self.shelf) if point.current)

        days = self.days()
        search(read, databases, days, _within_reach(days, today), partial(_newer, NEWEST, clock.now()))
        return tuple(seen)

    def choose(self, databases: Collection[str], choice: Choice) -> dict[str, Point | None]:
        """For each database the point in time that the choice means; None where there is none."""
        now = clock.now()
        if choice.day:
            known = self.points_of(choice.day, databases)
            return {database: catalog.choose(known, database, choice, now) for database in databases}
        ahead: list[Point] = []

        def newer(best: Point | None, point: Point) -> Point | None:
            if choice == NEWEST and catalog.is_future(point.taken, now):
                ahead.append(point)
            return _newer(choice, now, best, point)

        last = (choice.at or now + SKEW).date()
        # Of the newest, those in the future are told, wherever they stand.
        days = [day for day in self.days() if choice == NEWEST or (day - last).days <= 1]
        found = search(self._points, databases, days, _within_reach(days, last), newer)
        for point in sorted(ahead, key=catalog.listing_order):
            self.watch(Event(point.name, _passed_over(point, now), lasting=True))
        return {database: found.get(database) for database in databases}

    def nearest(self, databases: Collection[str], choice: Choice) -> dict[str, tuple[Point, ...]]:
        """Of each database the last point until the day or moment that was asked for, and the first after it.

        None where the store has none of it.
        """
        asked = catalog.moment_of(choice)
        before = self.choose(databases, Choice(at=asked))
        days = [day for day in self.days()[::-1] if (asked.date() - day).days <= 1]
        at_first = sum((day - asked.date()).days <= 1 for day in days)
        after = search(self._points, databases, days, at_first, partial(_sooner, asked))
        return {
            database: tuple(point for point in (before[database], after.get(database)) if point)
            for database in databases
        }

    def _points(self, days: Iterable[date], databases: Collection[str] = ()) -> Iterator[Point]:
        return catalog.in_stream(self._entries(days, databases), self.shelf)

    def _entries(self, days: Iterable[date], databases: Collection[str]) -> Iterator[Entry]:
        """The contents of these days; where only few databases are asked for, of these alone."""
        few = 0 < len(databases) <= _FEW_DATABASES
        files = [self.shelf.file_name(name) for name in databases if self.shelf.may_hold(name)] if few else [""]
        return side_by_side(
            self.store.entries(f"{self.prefix}/{day.isoformat()}", file) for day in days for file in files
        )


def days_in(store: Store, folder: str) -> tuple[date, ...]:
    """The UTC days that have a folder in `folder`, the newest first; raises what the store raises."""
    found = (parse_day(name) for name in store.folders(folder))
    return tuple(sorted((day for day in found if day), reverse=True))


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Names that come one after the other, each once."""
    return (name for name, _ in groupby(names))


def _within_reach(days: Iterable[date], asked: date) -> int:
    """How many of the days, of which the newest are first, are not before the day before the one asked for."""
    return sum((asked - day).days <= 1 for day in days)


def _newer(choice: Choice, now: datetime, best: Point | None, point: Point) -> Point | None:
    return catalog.choose([best, point] if best else [point], point.name, choice, now)


def _sooner(asked: datetime, best: Point | None, point: Point) -> Point | None:
    """The first after that moment."""
    if point.taken <= asked:
        return best
    return min(best, point, key=catalog.listing_order) if best else point


def _passed_over(point: Point, now: datetime) -> str:
    taken = clock.timestamp(point.taken)
    return (
        f"its backup of {taken} is in the future, since here it is {clock.timestamp(now)}: it is not taken for the "
        f"newest (check the clocks: date -u); --at {taken} reaches it"
    )
