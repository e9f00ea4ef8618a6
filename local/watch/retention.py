"""Which points in time are kept and by which rule: borgmatic's words, restic's buckets, and what is never let go.

Each rule keeps by itself the newest point of each of its newest buckets; a point stays if any rule keeps it. Days are
UTC days, weeks those of ISO 8601, and buckets without a point are not counted, as in restic's `forget`
(https://restic.readthedocs.io/en/stable/060_forget.html), so a machine that slept for a month loses nothing by it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from local.settings import RetentionSettings
from local.store.catalog import Point, is_future
from local.store.shelf import Kind
from local.watch.facts import age_order

# Links are for one hour, a drill ends within it; a restore by hand takes what a person listed that day.
READING = timedelta(hours=24)
# The rule of a point that should have gone, where the store kept it.
NOT_REMOVED = "not removed: see below"
_BUCKETS: Mapping[str, Callable[[Point], str]] = {
    "keep_last": lambda point: f"{point.taken.isoformat()} {point.entry.name} {point.entry.version}",
    "keep_daily": lambda point: point.day.isoformat(),
    "keep_weekly": lambda point: f"{point.day.isocalendar().year:04}-W{point.day.isocalendar().week:02}",
    "keep_monthly": lambda point: f"{point.day:%Y-%m}",
    "keep_yearly": lambda point: f"{point.day:%Y}",
}
_EMPTIED: Mapping[Kind, str] = {
    "database": "all its tables are empty, before it had {} rows",
    "volume": "there is no file in it, before it had {}",
}


@dataclass(frozen=True)
class InspectedPoint:
    """A point, and why it is no whole backup (None: as far as can be seen without reading its content, it is one)."""

    point: Point
    defect: str | None = None


@dataclass(frozen=True)
class Guard:
    """What holds a source's points beside the rules: the proven one, and why none may go now (None: they may)."""

    now: datetime
    proven: Point | None = None
    hold: str | None = None


@dataclass(frozen=True)
class Decision:
    """Whether a point is kept, and by which rules; for one that goes, the rule that let it go."""

    point: Point
    kept: bool
    rule: str


@dataclass
class _Reasons:
    """Why each point is kept; points are told apart by their place in the store."""

    of: dict[tuple[str, str | None], list[str]] = field(default_factory=dict)

    def add(self, point: Point, reason: str) -> None:
        self.of.setdefault(_key(point), []).append(reason)

    def __contains__(self, point: Point) -> bool:
        return _key(point) in self.of

    def text(self, point: Point) -> str:
        return ", ".join(self.of[_key(point)])


def decide(inspected: Iterable[InspectedPoint], rules: RetentionSettings, guard: Guard) -> tuple[Decision, ...]:
    """What becomes of each point of one source (a database or a volume), in the order in which they are to go: the
    oldest first, and a day's former contents before the one on which they hang.
    """
    seen = _with_emptied(sorted(inspected, key=lambda each: age_order(each.point)))
    points = [each.point for each in seen]
    past = [each for each in seen if not is_future(each.point.taken, guard.now)]
    reasons = _kept_by_rules(past, rules)
    _protect(past, guard, reasons)
    for point in points:
        if is_future(point.taken, guard.now):
            reasons.add(point, "in the future: whose clock is wrong?")
    for point in points:
        if point not in reasons and guard.hold:
            reasons.add(point, guard.hold)
    _keep_what_is_hung_on(points, reasons)
    _spare(points, rules.max_share, reasons)
    picked = {rule for _, rule in _picks([each.point for each in past if each.defect is None], rules)}
    return tuple(
        Decision(point, True, reasons.text(point))
        if point in reasons
        else Decision(point, False, _let_go(point, picked, rules))
        for point in sorted(points, key=_leaving_order)
    )


def _kept_by_rules(past: Sequence[InspectedPoint], rules: RetentionSettings) -> _Reasons:
    """What the rules keep of whole points; of the others what they would keep, which takes no bucket from a whole one.

    So a damaged point expires with its age and never at once: whoever looks at it may still find it sound.
    """
    reasons = _Reasons()
    for point, rule in _picks([each.point for each in past if each.defect is None], rules):
        reasons.add(point, rule)
    defects = {_key(each.point): each.defect for each in past if each.defect}
    for point, rule in _picks([each.point for each in past], rules):
        if _key(point) in defects and point not in reasons:
            reasons.add(point, f"no whole backup ({defects[_key(point)]}), counts for no rule; goes when {rule} ends")
    return reasons


def _picks(points: Sequence[Point], rules: RetentionSettings) -> Iterable[tuple[Point, str]]:
    """Each point that a rule keeps, with the rule and its bucket; `points` are the oldest first."""
    for rule, bucket_of in _BUCKETS.items():
        buckets = {bucket_of(point): point for point in points}
        for bucket, point in list(buckets.items())[::-1][: getattr(rules, rule)]:
            yield point, rule if rule == "keep_last" else f"{rule} {bucket}"


def _protect(past: Sequence[InspectedPoint], guard: Guard, reasons: _Reasons) -> None:
    """What no rule lets go: the newest, the newest proven, and what may be being read."""
    if not past:
        return
    by_time = sorted((each.point for each in past), key=lambda point: (point.taken, point.current))
    reasons.add(by_time[-1], "newest")
    whole = [each.point for each in past if each.defect is None]
    if whole and whole[-1] != by_time[-1]:
        reasons.add(whole[-1], "newest whole")
    if guard.proven:
        reasons.add(guard.proven, "newest proven")
    before = [point for point in by_time if point.taken <= guard.now - READING]
    for point in (*before[-1:], *by_time[len(before) :]):
        if point not in reasons:
            reasons.add(point, "was the newest within 24 h: a drill or a restore may be reading it")


def _keep_what_is_hung_on(points: Sequence[Point], reasons: _Reasons) -> None:
    """In Azure a blob's snapshots go with it, so it stays as long as one of them does."""
    hung_on = {point.entry.name for point in points if not point.current and point in reasons}
    for point in points:
        if point.current and point.entry.name in hung_on and point not in reasons:
            reasons.add(point, "a former content of its day is kept, and hangs on it")


def _spare(points: Sequence[Point], max_share: float, reasons: _Reasons) -> None:
    """Of what may go, only the oldest share goes in one run."""
    leaving = sorted((point for point in points if point not in reasons), key=_leaving_order)
    for point in leaving[int(max_share * len(points)) :]:
        reasons.add(point, f"max_share {max_share:g}: goes in a later run")


def _with_emptied(seen: Sequence[InspectedPoint]) -> list[InspectedPoint]:
    """Whole points without any row, or file, after one that had some are no whole backups either: so a file is lost, or
    what is mounted.
    """
    found: list[InspectedPoint] = []
    before = 0
    for each in seen:
        total = _total(each.point)
        if each.defect is None and total == 0 and before:
            found.append(replace(each, defect=_EMPTIED[each.point.kind].format(f"{before:,}")))
            continue
        found.append(each)
        if each.defect is None:
            before = total or before
    return found


def _total(point: Point) -> int | None:
    """Rows of a database, files of a volume."""
    recorded = point.recorded
    if point.kind == "volume":
        return recorded.files
    return sum(recorded.rows.values()) if recorded.row_total is None and recorded.rows else recorded.row_total


def _let_go(point: Point, picked: Collection[str], rules: RetentionSettings) -> str:
    """The rule that reaches furthest back, and why it does not keep this point."""
    rule = [name for name in _BUCKETS if getattr(rules, name)][-1]
    if rule == "keep_last":
        return f"keep_last: {rules.keep_last} newer ones are kept"
    bucket = _BUCKETS[rule](point)
    if f"{rule} {bucket}" in picked:
        return f"{rule}: a newer one of {bucket} is kept"
    return f"{rule}: {bucket} is further back than {getattr(rules, rule)}"


def _leaving_order(point: Point) -> tuple[object, ...]:
    return point.day, point.entry.name, point.current, point.taken


def _key(point: Point) -> tuple[str, str | None]:
    return point.entry.name, point.entry.version
