"""What the page is made from: the status, and the points and drill records of its days, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from local.report import DrillReport
from local.store.catalog import Point
from local.watch.status import Status, StatusLimits


@dataclass(frozen=True)
class Period:
    """The UTC days that a page tells of, both ends included."""

    first: date
    last: date

    @classmethod
    def ending(cls, now: datetime, days: int) -> Period:
        """As many days, of which the last is today."""
        today = now.date()
        return cls(today - timedelta(days=min(days, today.toordinal()) - 1), today)

    def days_among(self, folders: Iterable[str]) -> tuple[date, ...]:
        """Its days that have a folder of their own, the newest first."""
        named = set(folders)
        length = (self.last - self.first).days + 1
        days = (self.last - timedelta(days=back) for back in range(length))
        return tuple(day for day in days if day.isoformat() in named)


@dataclass(frozen=True)
class KeptDrill:
    """One drill record: its name in the store, when the drill began, and what it found."""

    record: str
    started: datetime
    report: DrillReport


@dataclass(frozen=True)
class UnusableRecord:
    """One drill record that proves nothing, and why."""

    record: str
    day: date
    reason: str


@dataclass(frozen=True)
class KeptDrills:
    """The drill records of a period, the newest first; `unread` has the day of each that was one too many."""

    drills: tuple[KeptDrill, ...] = ()
    unusable: tuple[UnusableRecord, ...] = ()
    unread: tuple[date, ...] = ()


@dataclass(frozen=True)
class PageFacts:
    """All that the page tells; `points` are those that can be read, of all that the store has."""

    store: str
    period: Period
    limits: StatusLimits
    status: Status
    points: tuple[Point, ...] = ()
    kept: KeptDrills = KeptDrills()
