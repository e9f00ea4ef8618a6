"""Whether the backups are young and proven: facts and limits to one frozen value that all else shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local import clock
from local.report import DatabaseName, Document, Moment
from local.settings import Settings
from local.store.catalog import Point, is_future
from local.store.shelf import Kind
from local.watch.facts import DatabaseFacts, StoreFacts

Health = Literal["ok", "late", "failed"]
_UNCHANGED: dict[Kind, str] = {
    "database": "did its application move the file? see databases in invoke.yaml",
    "volume": "does its container use another volume by now? see volumes in invoke.yaml, and: docker volume ls",
}
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Lateness(msgspec.Struct, frozen=True):
    """One limit that is passed, or a drill that failed."""

    kind: Annotated[Literal["backup", "unchanged", "proof", "drill"], Meta(description="what it is of")]
    message: Annotated[str, Meta(description="how it stands")]
    mend: Annotated[str, Meta(description="what mends it")]


class DatabaseStatus(msgspec.Struct, frozen=True):
    """How one database or volume stands; null is what the store does not tell."""

    name: DatabaseName
    last_backup: Annotated[
        Moment | None,
        Meta(description="the newest run that found this content: what is at risk (RPO) was written since"),
    ]
    backup_age_hours: Annotated[float | None, Meta(description="how long ago that was, in hours")]
    unchanged_since: Annotated[Moment | None, Meta(description="when this very content was first backed up")]
    last_proven: Annotated[
        Moment | None, Meta(description="the newest point in time (`backup_time`) whose very content a drill passed")
    ]
    proven_age_days: Annotated[float | None, Meta(description="how long ago the newest such drill began, in days")]
    restore_seconds: Annotated[float | None, Meta(description="what the steps of that drill took (RTO)")]
    verdict: Annotated[Health, Meta(description="`late`: a limit is passed; `failed`: its newest drill failed")]
    drill_time: Annotated[Moment | None, Meta(description="when the newest drill that passed began")] = None
    database_bytes: Annotated[
        int | None, Meta(description="size of the database, or of the volume's tar, in its newest backup")
    ] = None
    late: Annotated[tuple[Lateness, ...], Meta(description="why it is late or failed")] = ()
    notes: Annotated[tuple[str, ...], Meta(description="what a person should know and is not late")] = ()


class StatusVerdict(msgspec.Struct, frozen=True):
    """What all of it comes to."""

    verdict: Annotated[Health, Meta(description="the worst of all databases and volumes: `failed`, then `late`")]
    status_time: Annotated[Moment, Meta(description="when it was looked at")]
    notes: Annotated[tuple[str, ...], Meta(description="about the store as a whole")] = ()


class Status(Document, frozen=True, omit_defaults=True):
    """`status`."""

    status: StatusVerdict
    databases: tuple[DatabaseStatus, ...]
    volumes: Annotated[
        tuple[DatabaseStatus, ...],
        Meta(description="the Docker volumes, with the fields of a database; absent where there is none"),
    ] = ()

    @property
    def sources(self) -> tuple[DatabaseStatus, ...]:
        """Whatever is backed up: the databases, then the volumes."""
        return (*self.databases, *self.volumes)


@dataclass(frozen=True)
class StatusLimits:
    """How old a backup may be, in hours; a proof, in days; a content without a change, in days (None: any age)."""

    max_age_hours: float
    max_age_days: float
    max_unchanged_days: float | None = None


def limits_of(configured: Settings) -> StatusLimits:
    """The limits in the configuration."""
    return StatusLimits(
        configured.backup.max_age_hours, configured.drill.max_age_days, configured.backup.max_unchanged_days
    )


def judge(facts: StoreFacts, limits: StatusLimits, missing_files: Sequence[str] = ()) -> Status:
    """How all stands at the facts' moment; `missing_files` names the databases whose file is not on this machine."""
    databases = tuple(_judge_one(found, facts, limits, found.name in missing_files) for found in facts.databases)
    volumes = tuple(_judge_one(found, facts, limits) for found in facts.volumes)
    verdict = worst_health((*databases, *volumes))
    return Status(StatusVerdict(verdict, clock.timestamp(facts.now), facts.troubles), databases, volumes)


def worst_health(sources: Sequence[DatabaseStatus]) -> Health:
    """The verdict of all: a failed drill outweighs what is late."""
    seen = {source.verdict for source in sources}
    return "failed" if "failed" in seen else "late" if "late" in seen else "ok"


def exit_code(status: Status) -> int:
    """0 where all is well, 1 where anything is late or failed."""
    return 0 if status.status.verdict == "ok" else 1


def last_seen(point: Point, now: datetime) -> datetime:
    """When a run last found this content: the newest of `taken` and `unchanged_until`, of which none is in the future.

    A little ahead, as clocks differ, counts as now.
    """
    times = [point.taken, point.recorded.unchanged_until]
    return min(now, max(moment for moment in times if moment and not is_future(moment, now)))


def is_overdue(found: DatabaseFacts, now: datetime, max_age_days: float) -> bool:
    """Whether the newest passed drill of any content that the store has is older than that, or there is none."""
    return found.proof is None or now - found.proof.drill.started > max_age_days * _DAY


def has_failed(found: DatabaseFacts) -> bool:
    """Whether the newest drill that came to a verdict failed; an inconclusive one says nothing."""
    return found.last_drill is not None and found.last_drill.verdict == "failed"


def _judge_one(
    found: DatabaseFacts, facts: StoreFacts, limits: StatusLimits, is_missing: bool = False
) -> DatabaseStatus:
    now, newest, proof = facts.now, found.newest, found.proof
    late = tuple(_lateness(found, facts, limits))
    seen = last_seen(newest, now) if newest else None
    since = newest.recorded.content_since if newest else None
    drilled = min(now, proof.drill.started) if proof else None
    return DatabaseStatus(
        name=found.name,
        last_backup=_timestamp(seen),
        backup_age_hours=_age(now, seen, _HOUR),
        unchanged_since=_timestamp(since),
        last_proven=_timestamp(proof.point.taken) if proof else None,
        proven_age_days=_age(now, drilled, _DAY),
        restore_seconds=proof.drill.seconds if proof else None,
        verdict="failed" if has_failed(found) else "late" if late else "ok",
        drill_time=_timestamp(drilled),
        database_bytes=newest.recorded.raw_bytes if newest else None,
        late=late,
        notes=tuple(_notes(found, is_missing)),
    )


def _lateness(found: DatabaseFacts, facts: StoreFacts, limits: StatusLimits) -> Iterator[Lateness]:
    yield from _late_backup(found, facts, limits)
    if found.newest is None:
        # Nothing can be drilled, nor have changed.
        return
    since = found.newest.recorded.content_since
    if limits.max_unchanged_days is not None and since and facts.now - since > limits.max_unchanged_days * _DAY:
        told = f"unchanged for {_span(facts.now - since)}, limit {limits.max_unchanged_days:g} d"
        yield Lateness("unchanged", told, _UNCHANGED[found.kind])
    drill = f"invoke drill.local --only {found.name}"
    if found.last_drill and has_failed(found):
        told = f"its drill of {clock.timestamp(found.last_drill.started)} failed ({found.last_drill.detail})"
        yield Lateness("drill", told, f"look at {found.last_drill.record}, then: invoke backup; {drill}")
    if found.proof is None:
        yield Lateness("proof", f"no drill of it has passed yet, limit {limits.max_age_days:g} d", drill)
    elif is_overdue(found, facts.now, limits.max_age_days):
        age = _span(facts.now - found.proof.drill.started)
        yield Lateness("proof", f"last proven {age} ago, limit {limits.max_age_days:g} d", drill)


def _late_backup(found: DatabaseFacts, facts: StoreFacts, limits: StatusLimits) -> Iterator[Lateness]:
    if found.newest is None:
        told = f"no backup in the store's last {facts.days} days"
        yield Lateness("backup", told, f"invoke backup --only {found.name}")
        return
    age = facts.now - last_seen(found.newest, facts.now)
    if age > limits.max_age_hours * _HOUR:
        told = f"last backup {_span(age)} ago, limit {limits.max_age_hours:g} h"
        yield Lateness("backup", told, "invoke backup; is the schedule running?")


def _notes(found: DatabaseFacts, is_missing: bool) -> Iterator[str]:
    yield from found.passed_over
    if is_missing:
        yield "its file is not on this machine (see databases in invoke.yaml)"
    if found.newest and found.proof and found.proof.point != found.newest:
        yield "its newest content is not proven yet; the next drill proves it"
    attempt = found.last_attempt
    if attempt and attempt.verdict == "inconclusive":
        yield f"its drill of {clock.timestamp(attempt.started)} proved nothing ({attempt.detail})"


def _span(length: timedelta) -> str:
    """A time that passed a limit, in hours up to two days, then in days."""
    hours = length / _HOUR
    return f"{hours:.1f} h" if hours < 48 else f"{length / _DAY:.1f} d"


def _timestamp(moment: datetime | None) -> str | None:
    return clock.timestamp(moment) if moment else None


def _age(now: datetime, moment: datetime | None, unit: timedelta) -> float | None:
    return round((now - moment) / unit, 4) if moment else None
