"""The backups in a store: which points in time it holds, read as far as they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from local import clock
from local.events import Event, Watch, unwatched
from local.store import catalog
from local.store.catalog import NEWEST, Choice, Point
from local.store.interface import Entry, Store


@dataclass(frozen=True)
class Repository:
    """A store, and the prefix under which its backups stand. Every call raises what the store raises.

    `watch` hears of the points that are passed over because they are in the future.
    """

    store: Store
    prefix: str
    watch: Watch = unwatched

    def points(self) -> tuple[Point, ...]:
        """Every point in time of every database, oldest first."""
        return catalog.from_entries(self.store.entries(self.prefix), self.prefix)

    def points_of(self, day: date) -> tuple[Point, ...]:
        """The points in time that stand under one UTC day."""
        return catalog.from_entries(self.store.entries(f"{self.prefix}/{day}"), self.prefix)

    def recent_points(self, databases: Iterable[str], today: date) -> tuple[Point, ...]:
        """Those of yesterday, today and tomorrow; all, where a database has none there: years of them list slowly.

        Tomorrow has some where another machine's clock, or this one's of before, is ahead.
        """
        return catalog.from_entries(self.recent_entries(databases, today), self.prefix)

    def recent_entries(self, databases: Iterable[str], today: date) -> tuple[Entry, ...]:
        """The contents that `recent_points` finds its points among, unfinished uploads included."""
        days = (today + timedelta(days=ahead) for ahead in (-1, 0, 1))
        recent = tuple(entry for day in days for entry in self.store.entries(f"{self.prefix}/{day}"))
        if {point.database for point in catalog.from_entries(recent, self.prefix)}.issuperset(databases):
            return recent
        return tuple(self.store.entries(self.prefix))

    def choose(self, databases: Iterable[str], choice: Choice) -> dict[str, Point | None]:
        """For each database the point in time that the choice means; None where there is none."""
        known, now = self.points(), clock.now()
        chosen = {database: catalog.choose(known, database, choice, now) for database in databases}
        if choice == NEWEST:
            for point in known:
                if point.database in chosen and catalog.is_future(point.taken, now):
                    self.watch(Event(point.database, _passed_over(point, now), lasting=True))
        return chosen

    def nearest(self, database: str, choice: Choice) -> tuple[Point, ...]:
        """The database's points next to the day or moment that was asked for; none where the store has none of it."""
        return catalog.nearest(self.points(), database, choice)


def _passed_over(point: Point, now: datetime) -> str:
    taken = clock.timestamp(point.taken)
    return (
        f"its backup of {taken} is in the future, since here it is {clock.timestamp(now)}: it is not taken for the "
        f"newest (check the clocks: date -u); --at {taken} reaches it"
    )
