"""`invoke status` and `invoke backup.prune`."""

from __future__ import annotations

from typing import Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, Only, OnlyStored, Option


@command("status", JSON, work="status")
def status(
    invocation: Invocation,
    only: Only = (),
    prometheus: Annotated[
        str | None, Option("write it there too, for the node exporter's textfile collector", "FILE.prom")
    ] = None,
) -> int:
    """How old the last backup and the last proof are, against their limits; exit code 1 if anything is late."""
    from pathlib import Path

    from local import clock
    from local.store.open import open_repository
    from local.watch import prometheus as textfile
    from local.watch import status as watching
    from local.watch import tables
    from local.watch.history import gather, is_missing

    configured = invocation.settings
    databases, volumes = configured.select(only), configured.select_volumes(only)
    limits = watching.limits_of(configured)
    repository = open_repository(configured.store, configured.azure)
    names = [database.name for database in databases]
    facts = gather(repository, names, clock.now(), limits.max_age_days, [volume.name for volume in volumes])
    missing = [database.name for database in databases if is_missing(database.path)]
    judged = watching.judge(facts, limits, missing)
    if prometheus is not None:
        textfile.write_file(Path(prometheus).expanduser(), judged)
    invocation.screen.show(judged, tables.status)
    return watching.exit_code(judged)


@command(
    "backup.prune",
    CHECK,
    JSON,
    left="what was removed is gone whole, the rest is there; the next invoke backup.prune finishes",
    work="prune",
)
def prune(
    invocation: Invocation,
    only: OnlyStored = (),
) -> int:
    """Remove what the retention rules no longer keep; never the newest, nor the newest proven. Try --check first."""
    from contextlib import nullcontext

    from local.archive.cache import cache_folder
    from local.store.open import open_repository
    from local.watch import prune as pruning
    from local.watch import prune_plan, tables

    configured, check = invocation.settings, invocation.check
    prune_plan.rules_of(configured)
    repository = open_repository(configured.store, configured.azure)
    lock = nullcontext() if check else pruning.locked(cache_folder(configured.store), repository)
    with invocation.screen.watching() as watch, lock:
        plan = prune_plan.make_plan(configured, repository, only)
        outcome = pruning.PruneOutcome(plan.decisions) if check else pruning.carry_out(plan, repository, watch)
    invocation.screen.show(pruning.report(outcome, plan, check=check), tables.prune)
    return outcome.error.exit_code if outcome.error else 0
