"""What the store tells of each last backup and each last proof, listed day by day from the newest back.

Years of records are never listed: one call names the days that there are, and a day is listed when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from pathlib import Path

from local.store import catalog, layout
from local.store.catalog import SKEW, Point
from local.store.interface import Store
from local.store.repository import Repository, days_in
from local.store.shelf import VOLUMES
from local.watch import records
from local.watch.facts import DatabaseFacts, ProvenPoint, StoreFacts, age_order, is_readable
from local.watch.records import DayRecords, DrillResult


def gather(
    repository: Repository, names: Sequence[str], now: datetime, max_age_days: float, volumes: Sequence[str] = ()
) -> StoreFacts:
    """The facts of these databases and volumes; raises what the store raises. A shelf of which nothing is asked for is
    not looked at.

    Of days with backups, and of days with drills, as many are looked at as a proof may be old: with fewer than one a
    day they reach further back.
    """
    days = int(max_age_days) + 2
    drills = _DrillDays(repository.store, now, days)
    asked = ((repository, names), (repository.on(VOLUMES), volumes))
    shelves = [(_History(on_shelf, drills), wanted) for on_shelf, wanted in asked if wanted]
    _read_ahead(drills, [history for history, _ in shelves])
    found = tuple(history.facts_of(name) for history, wanted in shelves for name in wanted)
    return StoreFacts(now, days, found[: len(names)], drills.troubles(), found[len(names) :])


def is_missing(path: Path) -> bool:
    """Whether there is no such file on this machine; one that this machine may not look at is not missing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _read_ahead(drills: _DrillDays, shelves: Sequence[_History]) -> None:
    """What is asked for whatever is found, at the same time: each answer is a way there and back.

    The first question stands alone, since it is the one that logs in.
    """
    for history in shelves[:1]:
        history.read_days()
    with ThreadPoolExecutor(1 + len(shelves), "history") as pool:
        list(pool.map(lambda read: read(), [*(history.read_newest for history in shelves), drills.read_newest]))


class _DrillDays:
    """The store's days of drills, each read once, when it is first asked for."""

    def __init__(self, store: Store, now: datetime, most: int) -> None:
        self.store = store
        self.now = now
        self.most = most
        self._read: dict[date, DayRecords] = {}

    @cached_property
    def days(self) -> list[date]:
        """The newest first, as many as are looked at."""
        return days_of(self.store, records.FOLDER, self.now)[: self.most]

    def of(self, day: date) -> DayRecords:
        """The records of a day."""
        if day not in self._read:
            self._read[day] = records.read_day(self.store, day, self.now)
        return self._read[day]

    def read_newest(self) -> None:
        """Those of the newest day."""
        for day in self.days[:1]:
            self.of(day)

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with records that were read."""
        return tuple(trouble for read in self._read.values() for trouble in read.troubles)


class _History:
    """The days of one shelf, each read once, when it is first asked for."""

    def __init__(self, repository: Repository, drills: _DrillDays) -> None:
        self._repository = repository
        self._drills = drills
        self._now = drills.now
        self.points: Callable[[date], tuple[Point, ...]] = cache(repository.points_of)

    def read_days(self) -> None:
        """Which days there are."""
        _ = self._backup_days

    def read_newest(self) -> None:
        """The points of the newest day."""
        for day in self._backup_days[:1]:
            self.points(day)

    def facts_of(self, name: str) -> DatabaseFacts:
        """What is known of one database or volume."""
        found, passed_over = self._newest(name)
        proof, drills = self._proof(name, found)
        return DatabaseFacts(
            name=name,
            newest=found,
            proof=proof,
            last_drill=records.newest(drill for drill in drills if drill.verdict != "inconclusive"),
            last_attempt=records.newest(drills),
            passed_over=passed_over,
            kind=self._repository.shelf.kind,
        )

    def _newest(self, name: str) -> tuple[Point | None, tuple[str, ...]]:
        passed_over: list[str] = []
        for day in self._backup_days[: self._drills.most]:
            own = [point for point in self.points(day) if point.name == name]
            passed_over += filter(None, (self._why_passed_over(point) for point in own))
            sound = [point for point in own if not self._why_passed_over(point)]
            if sound:
                return max(sound, key=age_order), tuple(passed_over)
        return None, tuple(passed_over)

    def _why_passed_over(self, point: Point) -> str:
        if catalog.is_future(point.taken, self._now):
            return f"{point.entry.name} is in the future (whose clock is wrong? date -u): it is not counted"
        if not is_readable(point):
            return f"{point.entry.name} is not counted: {point.trouble or 'it is empty'}"
        return ""

    def _proof(self, name: str, newest: Point | None) -> tuple[ProvenPoint | None, list[DrillResult]]:
        """The newest proven point, and the drills that were read to find it.

        An older drill can prove nothing that was taken after its day, so none is read that could not matter.
        """
        drills: list[DrillResult] = []
        best: ProvenPoint | None = None
        days = self._drills.days
        for day, older in zip(days, [*days[1:], None], strict=False):
            own = [result for result in self._drills.of(day).results if self._is_of(result, name)]
            drills += own
            for drill in sorted(own, key=lambda drill: drill.started, reverse=True):
                best = _newer(best, self._proven_by(drill, newest))
            if best and (older is None or best.point.taken > _end(older)):
                break
        return best, drills

    def _proven_by(self, drill: DrillResult, newest: Point | None) -> ProvenPoint | None:
        """The newest point that holds the very content which this drill passed; None where the store has none."""
        if drill.verdict != "passed" or newest is None or drill.sha256 is None:
            return None
        if self._digest(newest) == drill.sha256:
            return ProvenPoint(newest, drill)
        parsed = self._repository.shelf.parse(drill.blob or "")
        if parsed is None or parsed[1] != drill.name:
            return None
        found = self._last_with(drill.name, drill.sha256, parsed[0])
        return ProvenPoint(found, drill) if found else None

    def _last_with(self, name: str, sha256: str, first: date) -> Point | None:
        """The last point with a content, of the days that had it one after the other from `first` on."""
        found = None
        for day in reversed([day for day in self._backup_days if day >= first]):
            own = [point for point in self.points(day) if point.name == name and not self._why_passed_over(point)]
            same = [point for point in own if self._digest(point) == sha256]
            if own and not same:
                break
            found = max(same, key=age_order, default=found)
        return found

    def _digest(self, point: Point) -> str | None:
        """The archive's digest; the former script's stands in the sidecar alone."""
        if point.recorded.sha256 or not point.current:
            return point.recorded.sha256
        return layout.parse_sidecar(self._repository.store.read(layout.sidecar_name(point.entry.name)) or b"")

    def _is_of(self, result: DrillResult, name: str) -> bool:
        return (result.kind, result.name) == (self._repository.shelf.kind, name)

    @cached_property
    def _backup_days(self) -> list[date]:
        return days_of(self._repository.store, self._repository.prefix, self._now)


def days_of(store: Store, folder: str, now: datetime) -> list[date]:
    """The days that a folder has, the newest first; none after tomorrow, which no clock of ours can mean."""
    last = now.date() + timedelta(days=1)
    return [day for day in days_in(store, folder) if day <= last]


def _newer(best: ProvenPoint | None, found: ProvenPoint | None) -> ProvenPoint | None:
    """The proof of the newer point; of two of one content that by the newer drill."""
    if best is None or found is None:
        return best or found
    return max(best, found, key=lambda proof: (age_order(proof.point), proof.drill.started))


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC) + SKEW
