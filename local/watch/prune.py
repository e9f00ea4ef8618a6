"""`invoke backup.prune`: let go what the plan lets go, one point at a time, and tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local import clock
from local.backup.lock import only_run
from local.errors import PillarError
from local.events import Event, Watch
from local.report import DatabaseName, Document, Moment
from local.store.catalog import Point
from local.store.repository import Repository
from local.store.shelf import Kind
from local.watch.prune_plan import PrunePlan
from local.watch.retention import NOT_REMOVED, Decision


class PrunedPoint(msgspec.Struct, frozen=True):
    """One point in time."""

    name: DatabaseName
    backup_time: Annotated[Moment, Meta(description="when the point in time was taken")]
    blob: Annotated[str, Meta(description="the archive's name in the store, with its prefix")]
    kept: Annotated[bool, Meta(description="whether it is kept; of a check, whether it would be")]
    rule: Annotated[str, Meta(description="what keeps it or lets it go, in words")]
    kind: Annotated[Kind, Meta(description="what it is a backup of")] = "database"


class Prune(msgspec.Struct, frozen=True):
    """One run, or with `check` its plan."""

    verdict: Annotated[Literal["passed", "failed"], Meta(description="failed where an error ended it before its end")]
    check: Annotated[bool, Meta(description="whether the command only checked (`--check`): nothing was removed")]
    removed: Annotated[int, Meta(description="points that were removed; of a check, that would be")]
    kept: Annotated[int, Meta(description="points that are kept")]
    notes: Annotated[tuple[str, ...], Meta(description="what a person should know, the error among it")] = ()


class PruneReport(Document, frozen=True):
    """`backup.prune`."""

    prune: Prune
    points: tuple[PrunedPoint, ...]


@dataclass(frozen=True)
class PruneOutcome:
    """What became of each point; `error` is what ended the run before its end."""

    decisions: tuple[Decision, ...]
    error: PillarError | None = None


@contextmanager
def locked(folder: Path, repository: Repository) -> Iterator[None]:
    """No backup meanwhile, of this machine nor into this folder; LockHeldError where one is under way."""
    with only_run(folder / "lock"), repository.store.lock():
        yield


def carry_out(plan: PrunePlan, repository: Repository, watch: Watch) -> PruneOutcome:
    """Remove what the plan lets go; what the store will not let go is kept and told.

    The first error ends it: what was removed is gone whole, and the rest is kept.
    """
    done: list[Decision] = []
    error: PillarError | None = None
    try:
        for left in plan.leftovers:
            repository.store.remove(left)
    except PillarError as raised:
        error = raised
    for decision in plan.decisions:
        if decision.kept or error:
            done.append(replace(decision, kept=True, rule=decision.rule if decision.kept else NOT_REMOVED))
            continue
        try:
            held = _remove(decision.point, plan.copies, repository)
        except PillarError as raised:
            error = raised
            done.append(replace(decision, kept=True, rule=NOT_REMOVED))
            continue
        if held:
            done.append(replace(decision, kept=True, rule=f"the store keeps it: {held}"))
            continue
        watch(Event(decision.point.name, f"removed {clock.timestamp(decision.point.taken)} ({decision.rule})"))
        done.append(decision)
    return PruneOutcome(tuple(done), error)


def report(outcome: PruneOutcome, plan: PrunePlan, *, check: bool) -> PruneReport:
    """The document of a run or, with `check`, of a plan."""
    points = tuple(
        PrunedPoint(
            decision.point.name,
            clock.timestamp(decision.point.taken),
            decision.point.entry.name,
            decision.kept,
            decision.rule,
            decision.point.kind,
        )
        for decision in outcome.decisions
    )
    kept = sum(point.kept for point in points)
    notes = plan.notes
    if plan.leftovers:
        gone = "would be removed" if check else "removed"
        notes += (f"{gone} too, what a removal that was cut short had left: {len(plan.leftovers)}",)
    if outcome.error:
        mend = f"; {outcome.error.mend}" if outcome.error.mend else ""
        notes += (f"{outcome.error}{mend}",)
    verdict: Literal["passed", "failed"] = "failed" if outcome.error else "passed"
    return PruneReport(Prune(verdict, check, len(points) - kept, kept, notes), points)


def _remove(point: Point, copies: Iterable[Point], repository: Repository) -> str | None:
    """The point's copies first, since they hang on it; why the store keeps it, or None."""
    same = [copy.entry for copy in copies if copy.identity == point.identity]
    held = [told for entry in (*same, point.entry) if (told := repository.store.remove(entry))]
    return held[-1] if held else None
