"""The backups in a store: which points in time it holds, read as far as they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from local.store import catalog
from local.store.catalog import Choice, Point
from local.store.interface import Store


@dataclass(frozen=True)
class Repository:
    """A store, and the prefix under which its backups stand. Every call raises what the store raises."""

    store: Store
    prefix: str

    def points(self) -> tuple[Point, ...]:
        """Every point in time of every database, oldest first."""
        return catalog.from_entries(self.store.entries(self.prefix), self.prefix)

    def points_of(self, day: date) -> tuple[Point, ...]:
        """The points in time that stand under one UTC day."""
        return catalog.from_entries(self.store.entries(f"{self.prefix}/{day}"), self.prefix)

    def recent_points(self, databases: Iterable[str], today: date) -> tuple[Point, ...]:
        """Those of today and yesterday; all, where a database has none there: years of backups list slowly."""
        recent = self.points_of(today - timedelta(days=1)) + self.points_of(today)
        if {point.database for point in recent}.issuperset(databases):
            return recent
        return self.points()

    def choose(self, databases: Iterable[str], choice: Choice) -> dict[str, Point | None]:
        """For each database the point in time that the choice means; None where there is none."""
        known = self.points()
        return {database: catalog.choose(known, database, choice) for database in databases}
