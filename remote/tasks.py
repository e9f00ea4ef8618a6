"""`invoke drill.remote` and `invoke drill.due`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, At, Date, Only, Option

VMs = Annotated[Sequence[str], Option("on this VM instead of the configured ones (repeatable)", repeatable=True)]


@command(
    "drill.remote",
    CHECK,
    JSON,
    left="nothing was proven; a drill that has begun on the VM goes on for up to 45 minutes, in which the VM takes no "
    "other command, and removes its files by itself",
)
def drill(invocation: Invocation, only: Only = (), vm: VMs = (), date: Date = None, at: At = None) -> int:
    """The same drill on the Azure VM, through Run Command."""
    from local import report
    from local.drill import selection
    from local.output import tables
    from remote.drill import check, drill_remote

    configured = invocation.settings
    chosen = selection.select(configured, only, date, at)
    azure = msgspec.structs.replace(configured.azure, vm=tuple(vm or configured.azure.vms))
    check(chosen.repository.store, azure)
    if invocation.check:
        return selection.show(chosen, invocation.screen)
    with invocation.screen.watching() as watch:
        drilled = drill_remote(selection.watched(chosen, watch), azure, configured.drill, watch)
    invocation.screen.show(drilled, tables.drill)
    return report.exit_code(drilled.drill.verdict)


@command(
    "drill.due",
    CHECK,
    JSON,
    left="the month's drill stays due; a drill that has begun on the VM goes on for up to 45 minutes",
)
def due(invocation: Invocation) -> int:
    """This month's drill, if it is due and not yet done; then the prune, where retention is configured."""
    from local.store.open import open_repository
    from remote import due as month

    configured = invocation.settings
    repository = open_repository(configured.store, configured.azure)
    with invocation.screen.watching() as watch:
        decision = month.look(configured, repository, watch)
        if invocation.check:
            outcome = month.DueOutcome(decision)
        else:
            outcome = month.carry_out(decision, configured, repository, watch)
    invocation.screen.show(month.document(outcome, check=invocation.check), month.show)
    return outcome.exit_code
