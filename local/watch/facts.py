"""What is known of each database and volume at a moment: its newest backup, its newest proof, its last drill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from local.store.catalog import Point
from local.store.shelf import Kind
from local.watch.records import DrillResult


@dataclass(frozen=True)
class ProvenPoint:
    """The newest point whose very content a drill passed, and the newest such drill."""

    point: Point
    drill: DrillResult


@dataclass(frozen=True)
class DatabaseFacts:
    """What is known of one database or volume; None where nothing is.

    `newest` is its newest backup that can be read and is not in the future. `last_drill` is the newest that passed or
    failed, `last_attempt` the newest of all. `passed_over` says what of it was not counted, in words.
    """

    name: str
    newest: Point | None = None
    proof: ProvenPoint | None = None
    last_drill: DrillResult | None = None
    last_attempt: DrillResult | None = None
    passed_over: tuple[str, ...] = ()
    kind: Kind = "database"


@dataclass(frozen=True)
class StoreFacts:
    """What the store tells at a moment; `days` is how many of its newest days were looked at, at most."""

    now: datetime
    days: int
    databases: tuple[DatabaseFacts, ...]
    troubles: tuple[str, ...] = ()
    volumes: tuple[DatabaseFacts, ...] = ()

    @property
    def sources(self) -> tuple[DatabaseFacts, ...]:
        """Whatever is backed up: the databases, then the volumes."""
        return (*self.databases, *self.volumes)


def is_readable(point: Point) -> bool:
    """Whether a point may be a backup at all: its metadata reads, and it has bytes."""
    return point.trouble is None and point.entry.size > 0


def age_order(point: Point) -> tuple[date, datetime, bool]:
    """By its day first: the former script's backups know no other time than their file's."""
    return point.day, point.taken, point.current
