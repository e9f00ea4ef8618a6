"""What must be told of what befalls a machine: reckoned from what befell it and from the points in its store alone.

Nothing here asks the product whether something is late, proven or to be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.store.catalog import Point
from tests.unattended.story import Story

WRONG = {
    "backup": "backup of {} FAILED",
    "drill": "drill of {} FAILED",
    "age": "backup of {} is LATE",
    "unchanged": "content of {} has NOT CHANGED",
    "proof": "proof of {} is OVERDUE",
}
RIGHT = {
    "backup": "backup of {} works again",
    "drill": "drill of {} passes again",
    "age": "backup of {} is on time again",
    "unchanged": "content of {} changes again",
    "proof": "proof of {} is young enough again",
}


@dataclass
class Expected:
    """What is known of each database, and what must have been told at each moment.

    `is_wrong` and `is_known` are of a respect and a database: how it stands, and whether people know that.
    """

    story: Story
    names: Sequence[str]
    is_wrong: dict[tuple[str, str], bool] = field(default_factory=dict)
    is_known: dict[tuple[str, str], bool] = field(default_factory=dict)
    passed: dict[str, datetime] = field(default_factory=dict)
    failed: dict[str, bool] = field(default_factory=dict)
    messages: list[tuple[datetime, list[str]]] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)

    def backed_up(self, moment: datetime, points: Iterable[Point]) -> None:
        """A backup was made, and what the store then holds was looked at."""
        self._ping(moment, "backup", "")
        self._tell(moment, {("backup", name): False for name in self.names} | self._of_store(moment, points))

    def not_backed_up(self, moment: datetime) -> None:
        """A backup did not reach the store, and nothing else could be known."""
        self._ping(moment, "backup", "/fail")
        self._tell(moment, {("backup", name): True for name in self.names})

    def killed(self, moment: datetime) -> None:
        """Nobody was left to tell, but of the start."""
        self._ping(moment, "backup", None)

    def drilled(self, moment: datetime, verdicts: dict[str, bool], points: Iterable[Point] | None) -> None:
        """These were drilled, and passed or failed; `points` where the store was looked at too."""
        for name, passed in verdicts.items():
            self.failed[name] = not passed
            if passed:
                self.passed[name] = moment
        if verdicts:
            self._ping(moment, "drill", "" if all(verdicts.values()) else "/fail")
        seen = {("drill", name): not passed for name, passed in verdicts.items()}
        self._tell(moment, seen | (self._of_store(moment, points) if points is not None else {}))

    def _of_store(self, moment: datetime, points: Iterable[Point]) -> dict[tuple[str, str], bool]:
        story, seen = self.story, {}
        known = list(points)
        for name in self.names:
            newest = max((point for point in known if point.name == name), key=lambda point: point.taken)
            found = max(filter(None, (newest.taken, newest.recorded.unchanged_until)))
            since = newest.recorded.content_since
            assert since
            seen["age", name] = moment - found > timedelta(hours=story.every_minutes / 60 + 1)
            seen["unchanged", name] = moment - since > timedelta(days=story.max_unchanged_days)
            passed = self.passed.get(name)
            seen["proof", name] = passed is None or moment - passed > timedelta(days=story.max_age_days)
            seen["drill", name] = self.failed.get(name, False)
        return seen

    def _tell(self, moment: datetime, seen: dict[tuple[str, str], bool]) -> None:
        told = []
        for key, wrong in seen.items():
            if wrong != self.is_wrong.get(key, False):
                self.is_wrong[key], self.is_known[key] = wrong, False
            if not self.is_known.get(key, True) and self._can_tell(moment):
                self.is_known[key] = True
                told.append((WRONG if wrong else RIGHT)[key[0]].format(key[1]))
        if told:
            self.messages.append((moment, sorted(told)))

    def _ping(self, moment: datetime, check: str, ending: str | None) -> None:
        if self._can_tell(moment):
            self.pings += [f"/{check}/start"] + ([] if ending is None else [f"/{check}{ending}"])

    def _can_tell(self, moment: datetime) -> bool:
        return not any(moment in span for span in self.story.network_away)
