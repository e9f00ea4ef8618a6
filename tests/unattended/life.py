"""A machine's life by a story: its scheduler, its applications, the person who mends; and what must always hold."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from local.store.catalog import Point
from tests.unattended.expected import Expected
from tests.unattended.machine import NAMES, Machine
from tests.unattended.story import ZONE, ClosedLid, Job, Span

_TOLD = re.compile(r"^((?:backup|drill|content|proof) of .*), since ", re.MULTILINE)
# `costs` is written to before each backup, `hivemind` before each fifth.
_SELDOM = 5


@dataclass
class Life:
    """`live()` does all of it; what is found on the way is kept for the end."""

    machine: Machine
    expected: Expected
    counts: Counter[str] = field(default_factory=Counter)
    messages: list[tuple[datetime, list[str]]] = field(default_factory=list)
    drill_days: list[date] = field(default_factory=list)
    _damaged: set[str] = field(default_factory=set)
    _missed: set[Job] = field(default_factory=set)
    _rows: count[int] = field(default_factory=count)
    _heard: int = 0

    def live(self) -> None:
        """Every scheduled start, every damage and every mending, each at its moment."""
        for moment, act in sorted(self._happenings(), key=lambda each: each[0]):
            act(moment)

    def _happenings(self) -> Iterable[tuple[datetime, Callable[[datetime], None]]]:
        story = self.machine.story
        lids = {lid.span.start: lid for lid in story.lids}
        for moment, job in story.scheduled():
            if job == "backup" and moment in lids:
                yield moment, self._suspended(lids[moment])
            elif any(moment in span for span in story.suspended):
                yield moment, self._miss(job)
            else:
                yield moment, self._job(job)
        for span in story.suspended:
            yield span.end, self._catch_up
        for damage in story.damages:
            yield damage.moment, self._damage(damage.name)
            yield damage.mended, self._mend(damage.name)

    def _job(self, job: Job) -> Callable[[datetime], None]:
        return self._backup if job == "backup" else self._drill_due

    def _miss(self, job: Job) -> Callable[[datetime], None]:
        def miss(_: datetime) -> None:
            self.counts["scheduled runs that a machine asleep or off missed"] += 1
            self._missed.add(job)

        return miss

    def _catch_up(self, moment: datetime) -> None:
        """Each missed job once, a minute after the other."""
        missed = [job for job in self.machine.story.first_up if job in self._missed]
        self._missed.clear()
        for place, job in enumerate(missed, 1):
            self.counts["runs that made up for missed ones"] += 1
            self._job(job)(moment + timedelta(minutes=place))

    def _backup(self, moment: datetime) -> None:
        self._applications_write(moment)
        self.counts["scheduled backups"] += 1
        with self._outage(moment) as reached:
            done = self.machine.run(moment, "backup")
        if not reached:
            self.counts["backups while the store was away"] += 1
            assert done.returncode in (1, 3), (moment, done)
            self.expected.not_backed_up(moment)
        else:
            assert done.returncode == 0, (moment, done)
            self.expected.backed_up(moment, self._points())
        self._look(moment)

    def _suspended(self, lid: ClosedLid) -> Callable[[datetime], None]:
        def suspended(moment: datetime) -> None:
            self._applications_write(moment)
            self.counts["backups in whose middle the lid was closed"] += 1
            done = self.machine.run_under(lid)
            if lid.killed:
                assert done.returncode == -9, (moment, done)
                self.expected.killed(moment)
            else:
                assert done.returncode == 0, (moment, done)
                self.expected.backed_up(lid.span.end, self._points())
            self._look(lid.span.end)

        return suspended

    def _drill_due(self, moment: datetime) -> None:
        self.counts["scheduled questions whether the drill is due"] += 1
        records, before = len(self.machine.drills()), self._points()
        with self._outage(moment) as reached:
            done = self.machine.run(moment, "drill.due")
        if not reached:
            assert done.returncode in (3, 4), (moment, done)
            return
        found = self.machine.drills()[records:]
        verdicts = {
            database["name"]: database["verdict"] == "passed" for drill in found for database in drill["databases"]
        }
        if verdicts:
            self.drill_days.append(moment.astimezone(ZoneInfo(ZONE)).date())
            assert verdicts == {name: name not in self._damaged for name in NAMES}, (moment, done)
            self.counts["drills of the month"] += 1
        assert done.returncode == (0 if all(verdicts.values()) else 1), (moment, done)
        after = self._points()
        self.counts["points in time pruned"] += len(before) - len(after)
        # The drill may have proven a newer one before the prune began.
        assert self._proven(after) == self._proven(before), (moment, done)
        self.expected.drilled(moment, verdicts, after)
        self._look(moment)

    def _damage(self, name: str) -> Callable[[datetime], None]:
        def damage(_: datetime) -> None:
            self.machine.damage(name)
            self._damaged.add(name)
            self.counts["archives damaged in the store"] += 1

        return damage

    def _mend(self, name: str) -> Callable[[datetime], None]:
        """As the alert says: invoke backup, then the drill again."""

        def mend(moment: datetime) -> None:
            done = self.machine.run(moment, "backup")
            assert done.returncode == 0, (moment, done)
            self.expected.backed_up(moment, self._points())
            self._look(moment)
            later = moment + timedelta(minutes=3)
            drilled = self.machine.run(later, "drill.local", "--only", name)
            assert drilled.returncode == 0, (later, drilled)
            self._damaged.discard(name)
            self.expected.drilled(later, {name: True}, None)
            self._look(later)

        return mend

    def _applications_write(self, moment: datetime) -> None:
        number = next(self._rows)
        self.machine.write("costs", f"row {number}")
        if number % _SELDOM == 0 and moment not in self.machine.story.still:
            self.machine.write("hivemind", f"row {number}")

    def _outage(self, moment: datetime) -> _Outage:
        story = self.machine.story
        network = _is_in(moment, story.network_away)
        return _Outage(self.machine, network or _is_in(moment, story.store_away), network)

    def _points(self) -> tuple[Point, ...]:
        return tuple(self.machine.workshop.repository.points())

    def _proven(self, points: Iterable[Point]) -> dict[str, tuple[str, str | None]]:
        """Of each database the newest of these points that a drill passed, by the records as they lie there now."""
        passed = {
            database["sha256"]
            for record in self.machine.drills()
            for database in record["databases"]
            if database["verdict"] == "passed"
        }
        found = sorted(points, key=lambda point: point.taken)
        return {
            point.name: (point.entry.name, point.recorded.sha256) for point in found if point.recorded.sha256 in passed
        }

    def _look(self, moment: datetime) -> None:
        """What was told in this run; and of each database that was ever proven the store holds something proven."""
        heard = [each for each in self.machine.receiver.received[self._heard :] if each.path == "/messages"]
        self._heard = len(self.machine.receiver.received)
        told = [line for each in heard for line in _TOLD.findall(json.loads(each.body)["message"])]
        if told:
            self.messages.append((moment, sorted(told)))
        assert set(self._proven(self._points())) == set(self.expected.passed), moment


@dataclass(frozen=True)
class _Outage:
    """Around a run; says whether the store is reached in it."""

    machine: Machine
    store: bool
    network: bool

    def __enter__(self) -> bool:
        self.machine.receiver.away = self.network
        if self.store:
            self.machine.reach.cut(network=self.network)
        return not self.store

    def __exit__(self, *_: object) -> None:
        self.machine.receiver.away = False
        if self.store:
            self.machine.reach.mend()


def _is_in(moment: datetime, spans: Iterable[Span]) -> bool:
    return any(moment in span for span in spans)
