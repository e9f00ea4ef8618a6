"""`invoke drill.due`: the month's drill where it is due and not yet done, then the retention's prune."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from local import clock
from local.archive.cache import cache_folder
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.errors import PillarError
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
from remote.drill import check as check_remote
from remote.drill import drill_remote


class Due(msgspec.Struct, frozen=True):
    """Whether the month's drill is due (before this run), of which databases, and why or why not."""

    check: bool
    due: bool
    due_day: str
    reason: str
    databases: tuple[str, ...]


class DueReport(Document, frozen=True):
    """The `--json` document of `drill.due`: with the drill where one ran, and the prune where one did."""

    due: Due
    drill: Drill | None = None
    databases: tuple[DrilledDatabase, ...] = ()
    prune: Prune | None = None
    points: tuple[PrunedPoint, ...] = ()
    prune_error: str | None = None


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
    names = [database.name for database in configured.databases]
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
        with pruning.locked(cache_folder(configured.store), repository):
            plan = pruning.make_plan(configured, repository, ())
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
        tables.drill(screen, DrillReport(found.drill, found.databases))
    if found.prune:
        watch_tables.prune(screen, PruneReport(found.prune, found.points))
    elif found.prune_error:
        screen.say(f"nothing was pruned: {found.prune_error}", "bold red")
    if found.due.check:
        screen.say("check: nothing was drilled, nothing was pruned")


def _drill(decision: DueDecision, configured: Settings, repository: Repository, watch: Watch) -> DrillReport:
    databases = configured.select(decision.names)
    selection = Selection(replace(repository, watch=watch), databases)
    if configured.schedule.drill.command == "drill.remote":
        return drill_remote(selection, configured.azure, configured.drill, watch)
    return drill_here(selection, configured.drill.host, watch)
