"""`invoke drill.due`: the month's drill where it is due and not yet done, then the retention's prune."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
from msgspec import Meta

from local import clock
from local.archive.cache import cache_folder
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.errors import LockHeldError, PillarError
from local.events import Event, Watch
from local.output import tables
from local.output.screen import Screen
from local.report import Document, Drill, DrilledDatabase, DrillReport, exit_code
from local.schedule.due import DueDecision, decide
from local.schedule.month import gather
from local.settings import Settings
from local.store.repository import Repository
from local.watch import prune as pruning
from local.watch import tables as watch_tables
from local.watch.prune import Prune, PrunedPoint, PruneReport
from local.watch.prune_plan import make_plan
from remote.drill import check as check_remote
from remote.drill import drill_remote

# A first upload of large databases may take this long.
LOCK_PATIENCE_SECONDS = 1800.0
_LOOK_SECONDS = 1.0


class Due(msgspec.Struct, frozen=True):
    """Whether the month's drill is due (before this run), of which databases, and why or why not."""

    check: Annotated[
        bool, Meta(description="whether the command only checked (`--check`): nothing was drilled, nothing was pruned")
    ]
    due: Annotated[
        bool, Meta(description="whether the drill was due when the command began, and not yet done this month")
    ]
    due_day: Annotated[
        str,
        Meta(description="the month's first business day, from which it is due", extra_json_schema={"format": "date"}),
    ]
    reason: Annotated[str, Meta(description="why it is due, or why not")]
    databases: Annotated[
        tuple[str, ...], Meta(description="those whose drill is due, volumes among them; none where it is not")
    ]


class DueReport(Document, frozen=True):
    """`drill.due`."""

    due: Due
    drill: Annotated[Drill | None, Meta(description="as in a drill's document; null where none ran")] = None
    databases: Annotated[tuple[DrilledDatabase, ...], Meta(description="as in a drill's document")] = ()
    volumes: Annotated[tuple[DrilledDatabase, ...], Meta(description="as in a drill's document")] = ()
    prune: Annotated[
        Prune | None,
        Meta(description="as in the document of `backup.prune`; null where none ran, as without `retention`"),
    ] = None
    points: Annotated[tuple[PrunedPoint, ...], Meta(description="as in the document of `backup.prune`")] = ()
    prune_error: Annotated[
        str | None, Meta(description="why not all was pruned, and what mends it; the drill's verdict stays as it is")
    ] = None


@dataclass(frozen=True)
class DueOutcome:
    """What came of it; `decision` stood before the drill."""

    decision: DueDecision
    drilled: DrillReport | None = None
    pruned: PruneReport | None = None
    error: PillarError | None = None

    @property
    def exit_code(self) -> int:
        """The drill's; where that is 0 or there was none, that of a prune that could not be carried out."""
        drilled = exit_code(self.drilled.drill.verdict) if self.drilled else 0
        return drilled or (self.error.exit_code if self.error else 0)


def look(configured: Settings, repository: Repository, watch: Watch) -> DueDecision:
    """Whether the month's drill is due; raises what the store raises, and ConfigError where it could not be run."""
    if configured.schedule.drill.command == "drill.remote":
        check_remote(repository.store, configured.azure)
    names = configured.names
    month = gather(repository.store, names, clock.now())
    for trouble in month.troubles:
        watch(Event("drill", trouble, lasting=True))
    return decide(names, month.today, month.attempts, configured.schedule.drill.country)


def carry_out(decision: DueDecision, configured: Settings, repository: Repository, watch: Watch) -> DueOutcome:
    """Drill what is due, and prune where `retention` is configured.

    Raises what the drill raises: then nothing is pruned either. A prune that cannot be carried out is told, and leaves
    the drill's verdict as it is.
    """
    outcome = DueOutcome(decision, _drill(decision, configured, repository, watch) if decision.due else None)
    if configured.retention is None:
        return outcome
    try:
        with _locked(configured, repository, watch):
            plan = make_plan(configured, repository, ())
            pruned = pruning.carry_out(plan, repository, watch)
    except PillarError as error:
        return replace(outcome, error=error)
    return replace(outcome, pruned=pruning.report(pruned, plan, check=False), error=pruned.error)


def document(outcome: DueOutcome, *, check: bool) -> DueReport:
    """The outcome as a document."""
    decision, drilled, pruned = outcome.decision, outcome.drilled, outcome.pruned
    error = outcome.error
    return DueReport(
        due=Due(check, decision.due, decision.due_day.isoformat(), decision.reason, decision.names),
        drill=drilled.drill if drilled else None,
        databases=drilled.databases if drilled else (),
        volumes=drilled.volumes if drilled else (),
        prune=pruned.prune if pruned else None,
        points=pruned.points if pruned else (),
        prune_error=f"{error}; {error.mend}" if error and error.mend else str(error) if error else None,
    )


def show(screen: Screen, found: DueReport) -> None:
    """Why or why not, the drill, the prune."""
    if found.due.check:
        screen.say("check: nothing is drilled, nothing is pruned")
    screen.say(f"the month's drill is {'due' if found.due.due else 'not due'}: {found.due.reason}")
    if found.drill:
        tables.drill(screen, DrillReport(found.drill, found.databases, found.volumes))
    if found.prune:
        watch_tables.prune(screen, PruneReport(found.prune, found.points))
    elif found.prune_error:
        screen.say(f"nothing was pruned: {found.prune_error}", "bold red")
    if found.due.check:
        screen.say("check: nothing was drilled, nothing was pruned")


@contextmanager
def _locked(configured: Settings, repository: Repository, watch: Watch) -> Iterator[None]:
    """The prune's lock, once the backup that holds it has ended: a machine that wakes starts both at once.

    LockHeldError where it does not end within LOCK_PATIENCE_SECONDS.
    """
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    with ExitStack() as stack:
        is_told = False
        while True:
            try:
                stack.enter_context(pruning.locked(cache_folder(configured.store), repository))
                break
            except LockHeldError as held:
                if time.monotonic() >= deadline:
                    raise
                if not is_told:
                    watch(Event("retention", f"the prune waits: {held}"))
                is_told = True
                time.sleep(_LOOK_SECONDS)
        yield


def _drill(decision: DueDecision, configured: Settings, repository: Repository, watch: Watch) -> DrillReport:
    databases, volumes = configured.select(decision.names), configured.select_volumes(decision.names)
    selection = Selection(replace(repository, watch=watch), databases, volumes=volumes)
    if configured.schedule.drill.command == "drill.remote":
        return drill_remote(selection, configured.azure, configured.drill, watch)
    return drill_here(selection, configured.drill.host, watch)
