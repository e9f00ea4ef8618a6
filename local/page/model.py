"""The page as a value: what stands in it, in words and figures. Made from the facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from local.page import evidence
from local.page.evidence import Calendar, EvidenceLine
from local.page.facts import PageFacts
from local.report import Verdict
from local.store.catalog import Point
from local.store.shelf import Kind, by_kind
from local.watch.facts import age_order
from local.watch.status import DatabaseStatus, Health, Status, StatusLimits

_NOTES_MAX = 30


@dataclass(frozen=True)
class Gauge:
    """An age against its limit, as text and as a share of it (more than 1: over it); None where there is no age."""

    label: str
    age: str
    limit: str
    share: float | None


@dataclass(frozen=True)
class DayFigures:
    """A day's last backup that the store still holds, and what all that it holds of the day sent; sizes in bytes.

    `counted` are the rows of a database, the files of a volume.
    """

    day: date
    database_bytes: int | None
    archive_bytes: int
    sent_bytes: int | None
    counted: int | None


@dataclass(frozen=True)
class MonthUpload:
    """What a month's backups would have sent as whole archives, and what they sent, in bytes."""

    month: str
    points: int
    whole_bytes: int
    sent_bytes: int

    @property
    def saved(self) -> float:
        """The share of the upload that was saved."""
        return 1 - self.sent_bytes / self.whole_bytes if self.whole_bytes else 0.0


@dataclass(frozen=True)
class Card:
    """One database or volume: how it stands, and its figures and drills, the newest first."""

    kind: Kind
    state: DatabaseStatus
    headline: str
    gauges: tuple[Gauge, ...]
    points: int
    upload: MonthUpload
    days: tuple[DayFigures, ...]
    months: tuple[MonthUpload, ...]
    drills: tuple[EvidenceLine, ...]


@dataclass(frozen=True)
class Page:
    """The whole page; `first` and `last` are the days that it tells of."""

    store: str
    tool: str
    page_time: str
    first: date
    last: date
    verdict: Health
    headline: str
    cards: tuple[Card, ...]
    calendar: Calendar
    records_read: int
    records_unread: int
    notes: tuple[str, ...]


def make(facts: PageFacts, tool: str, only: Sequence[str] = ()) -> Page:
    """The page of these facts; `only` leaves out the drills of others than those."""
    lines = evidence.lines_of(facts.kept.drills, only)
    status = facts.status
    names = [source.name for source in status.sources]
    return Page(
        store=facts.store,
        tool=tool,
        page_time=facts.status.status.status_time,
        first=facts.period.first,
        last=facts.period.last,
        verdict=facts.status.status.verdict,
        headline=_headline(status),
        cards=tuple(_card(kind, state, facts, lines) for kind, state in by_kind(status.databases, status.volumes)),
        calendar=evidence.calendar(lines, names, facts.kept, facts.period),
        records_read=len(facts.kept.drills),
        records_unread=len(facts.kept.unread),
        notes=_bounded(dict.fromkeys(_notes(facts, () if only else names))),
    )


def _card(kind: Kind, state: DatabaseStatus, facts: PageFacts, lines: Iterable[EvidenceLine]) -> Card:
    own = (point for point in facts.points if (point.kind, point.name) == (kind, state.name))
    points = sorted(own, key=age_order)
    return Card(
        kind=kind,
        state=state,
        headline=_state_words(state),
        gauges=_gauges(state, facts.limits),
        points=len(points),
        upload=_upload("", points),
        days=tuple(_day(day, list(own)) for day, own in groupby(points, lambda point: point.day))[::-1],
        months=tuple(
            _upload(month, list(own)) for month, own in groupby(points, lambda point: point.day.isoformat()[:7])
        )[::-1],
        drills=tuple(line for line in lines if (line.kind, line.name) == (kind, state.name)),
    )


def _headline(status: Status) -> str:
    sources = status.sources
    wrong = [source for source in sources if source.verdict != "ok"]
    counted = [_count(len(status.databases), "database"), _count(len(status.volumes), "volume")]
    what = " and ".join(filter(None, counted))
    if not wrong and all(counted):
        return f"Backed up and proven within the limits: {what}."
    if not wrong:
        all_are = f"The {what.removeprefix('1 ')} is" if len(sources) == 1 else f"All {what} are"
        return f"{all_are} backed up and proven within the limits."
    told = ", ".join(f"{source.name} ({_WORDS[source.verdict].lower()})" for source in wrong)
    return f"{len(wrong)} of {what} {'needs' if len(wrong) == 1 else 'need'} a look: {told}."


def _count(number: int, noun: str) -> str:
    """`2 databases`; nothing of none."""
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


_WORDS: dict[Health, str] = {"ok": "OK", "late": "Late", "failed": "Drill failed"}
_BADGES: dict[str, str] = {
    "ok": "OK",
    "late": "Late",
    "failed": "Failed",
    "passed": "Passed",
    "inconclusive": "Inconclusive",
}


def _state_words(state: DatabaseStatus) -> str:
    """The state of one database or volume as a sentence."""
    if state.last_backup is None:
        return "There is no backup of it."
    if state.verdict == "failed":
        return "Its newest drill failed: the backup that was drilled cannot be brought back as it should."
    late = {lateness.kind for lateness in state.late}
    if not late:
        return "Backed up, and proven by a drill, within its limits."
    told = {
        "backup": "its last backup is too old",
        "proof": "it was never proven by a drill" if state.drill_time is None else "its last proof is too old",
        "unchanged": "its content has not changed for longer than it should",
    }
    text = "; ".join(words for kind, words in told.items() if kind in late)
    return f"{text[0].upper()}{text[1:]}."


def _gauges(state: DatabaseStatus, limits: StatusLimits) -> tuple[Gauge, ...]:
    hours, days = state.backup_age_hours, state.proven_age_days
    return (
        Gauge(
            "Last backup",
            "none" if hours is None else f"{_length(hours)} ago",
            _length(limits.max_age_hours),
            None if hours is None else hours / limits.max_age_hours,
        ),
        Gauge(
            "Last proven by a drill",
            "never" if days is None else f"{_length(days * 24)} ago",
            _length(limits.max_age_days * 24),
            None if days is None else days / limits.max_age_days,
        ),
    )


def _length(hours: float) -> str:
    """A time in minutes, hours or days, as exactly as a limit needs."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    number, unit = (hours, "h") if hours < 48 else (hours / 24, "days")
    return f"{round(number, 1):g} {unit}"


def _day(day: date, points: Sequence[Point]) -> DayFigures:
    last = points[-1]
    sent = [point.recorded.added_bytes for point in points if point.recorded.added_bytes is not None]
    counted = last.recorded.files if last.kind == "volume" else last.recorded.row_total
    return DayFigures(day, last.recorded.raw_bytes, last.entry.size, sum(sent) if sent else None, counted)


def _upload(month: str, points: Sequence[Point]) -> MonthUpload:
    """Of the points that say what they sent; the former script's do not."""
    told = [(point.entry.size, sent) for point in points if (sent := point.recorded.added_bytes) is not None]
    return MonthUpload(month, len(told), sum(whole for whole, _ in told), sum(sent for _, sent in told))


def _notes(facts: PageFacts, names: Sequence[str]) -> Iterable[str]:
    kept = facts.kept
    if kept.unread:
        yield (
            f"{len(kept.unread):,} drill records of this time were not read: this page tells of the newest "
            f"{len(kept.drills) + len(kept.unusable):,}, back to {max(kept.unread)}. Nothing is said of those before."
        )
    if names:
        others = sorted({point.name for point in facts.points} - set(names))
        if others:
            yield f"In the store, and not configured here, so held to no limit: {', '.join(others)}."
    for each in kept.unusable:
        yield f"the drill record {each.record} is not counted: {each.reason}"
    yield from facts.status.status.notes


def _bounded(notes: Iterable[str]) -> tuple[str, ...]:
    found = list(notes)
    more = len(found) - _NOTES_MAX
    return tuple(found) if more <= 0 else (*found[:_NOTES_MAX], f"and {more:,} more of these")


def verdict_word(verdict: Health | Verdict) -> str:
    """The word on a badge."""
    return _BADGES[verdict]
