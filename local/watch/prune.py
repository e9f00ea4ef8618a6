"""`invoke backup.prune`: look at every point, decide, and let go what no rule keeps, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local import clock
from local.backup.lock import only_run
from local.errors import ConfigError, PillarError
from local.events import Event, Watch
from local.report import DatabaseName, Document, Moment
from local.settings import RetentionSettings, Settings
from local.store import catalog, layout
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.repository import Repository
from local.store.shelf import Shelf
from local.validation import unknown_name
from local.watch.history import gather
from local.watch.holds import Holds
from local.watch.retention import NOT_REMOVED, Decision, Guard, InspectedPoint, decide

_READS_AT_ONCE = 8
_VERSIONS_STAY = (
    "this account keeps versions: a removed blob stays as one, and is billed, until a later run removes that too"
)


class PrunedPoint(msgspec.Struct, frozen=True):
    """One point in time."""

    name: DatabaseName
    backup_time: Annotated[Moment, Meta(description="when the point in time was taken")]
    blob: Annotated[str, Meta(description="the archive's name in the store, with its prefix")]
    kept: Annotated[bool, Meta(description="whether it is kept; of a check, whether it would be")]
    rule: Annotated[str, Meta(description="what keeps it or lets it go, in words")]


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
class PrunePlan:
    """What is to become of each point, and the leftovers of a killed removal; `notes` are what a person must know.

    `copies` are former contents that are the same point as another entry (a snapshot whose commit then failed): such a
    copy goes with its point.
    """

    decisions: tuple[Decision, ...]
    copies: tuple[Point, ...]
    leftovers: tuple[Entry, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PruneOutcome:
    """What became of each point; `error` is what ended the run before its end."""

    decisions: tuple[Decision, ...]
    error: PillarError | None = None


def rules_of(configured: Settings) -> RetentionSettings:
    """The configured rules; ConfigError where there are none, since nothing is pruned unless somebody said so."""
    if configured.retention is None:
        raise ConfigError(
            "configuration: retention",
            "is missing, so nothing is ever pruned",
            "add it to invoke.yaml, as in: retention: {keep_last: 12, keep_daily: 30, keep_weekly: 12}",
        )
    return configured.retention


def make_plan(configured: Settings, repository: Repository, only: Sequence[str]) -> PrunePlan:
    """What would become of each point of the databases that are configured, or that `only` names.

    Raises ConfigError where no retention is configured or a name is unknown, and what the store raises.
    """
    rules = rules_of(configured)
    known = [database.name for database in configured.databases]
    names = list(dict.fromkeys(only or known))
    stored = _read(repository, names)
    for name in names:
        if name not in {*known, *stored.names}:
            raise unknown_name("--only", name, dict.fromkeys([*known, *sorted(stored.names)]), "configured or stored")
    now = clock.now()
    facts = gather(repository, names, now, configured.drill.max_age_days)
    holds = Holds.of(repository.store, now, configured.drill.max_age_days)
    inspected = _inspect(repository, stored.points)
    decisions: list[Decision] = []
    for found in facts.databases:
        guard = Guard(now, found.proof.point if found.proof else None, holds.hold(found))
        own = [each for each in inspected if each.point.name == found.name]
        decisions += decide(own, rules, guard)
    leftovers = tuple(_ours(repository, names))
    notes = (*facts.troubles, *_notes(repository, stored, stored.names - {*known, *names}))
    return PrunePlan(tuple(decisions), stored.copies, leftovers, notes)


@dataclass(frozen=True)
class _Stored:
    """What the store holds: the points of the databases that were asked for, and copies of them; `names` of all."""

    points: tuple[Point, ...]
    copies: tuple[Point, ...]
    names: frozenset[str]
    keeps_versions: bool


def _read(repository: Repository, names: Collection[str]) -> _Stored:
    """One pass over every entry, of which only what is asked for is kept."""
    points: list[Point] = []
    copies: list[Point] = []
    stored: set[str] = set()
    keeps_versions = False
    for _, group in groupby(repository.entries(), key=lambda entry: entry.name):
        entries = list(group)
        found = catalog.from_entries(entries, repository.shelf)
        stored.update(point.name for point in found)
        keeps_versions |= any((point.entry.version or "").startswith("versionid=") for point in found)
        own = [point for point in found if point.name in names]
        points += own
        copies += _copies(entries, own, repository.shelf) if own else ()
    return _Stored(tuple(sorted(points, key=catalog.listing_order)), tuple(copies), frozenset(stored), keeps_versions)


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


def defect(point: Point, sidecar: Callable[[], bytes | None]) -> str | None:
    """Why a point is no whole backup, as far as that shows without its content; `sidecar` is asked for if needed.

    A former content's sidecar is its metadata's digest: in Azure it has no other.
    """
    recorded = point.recorded
    if point.trouble:
        return point.trouble
    if point.entry.size == 0:
        return "it is empty"
    if point.contradiction:
        return f"it says that it is of {point.contradiction}"
    if recorded.sha256 is None and (recorded.raw_sha256 or not point.current):
        return "what stands beside it says no SHA-256"
    if not point.current:
        return None
    content = sidecar()
    told = layout.parse_sidecar(content) if content else None
    if told is None:
        return "its sidecar is missing" if content is None else "its sidecar holds no SHA-256"
    return None if recorded.sha256 in (None, told) else "its sidecar and its metadata disagree"


def _remove(point: Point, copies: Iterable[Point], repository: Repository) -> str | None:
    """The point's copies first, since they hang on it; why the store keeps it, or None."""
    same = [copy.entry for copy in copies if copy.identity == point.identity]
    held = [told for entry in (*same, point.entry) if (told := repository.store.remove(entry))]
    return held[-1] if held else None


def _copies(entries: Iterable[Entry], points: Iterable[Point], shelf: Shelf) -> tuple[Point, ...]:
    shown = {(point.entry.name, point.entry.version) for point in points}
    hidden = [entry for entry in entries if entry.version is not None and (entry.name, entry.version) not in shown]
    return tuple(copy for entry in hidden for copy in catalog.from_entries([entry], shelf))


def _inspect(repository: Repository, points: Sequence[Point]) -> list[InspectedPoint]:
    def look(point: Point) -> InspectedPoint:
        sidecar = partial(repository.store.read, layout.sidecar_name(point.entry.name))
        return InspectedPoint(point, defect(point, sidecar))

    with ThreadPoolExecutor(_READS_AT_ONCE, "sidecars") as pool:
        return list(pool.map(look, points))


def _ours(repository: Repository, names: Sequence[str]) -> Iterable[Entry]:
    for left in repository.store.leftovers(repository.prefix):
        parsed = repository.shelf.parse(left.name)
        if parsed and parsed[1] in names:
            yield left


def _notes(repository: Repository, stored: _Stored, untouched: Collection[str]) -> Iterator[str]:
    afterlife = repository.store.afterlife()
    if afterlife:
        yield afterlife
    if stored.keeps_versions:
        yield _VERSIONS_STAY
    for name in sorted(untouched):
        yield f"{name} is stored and not configured: it is not touched without --only {name}"
