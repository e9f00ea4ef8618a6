"""`invoke drill.remote`."""

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
    azure = msgspec.structs.replace(configured.azure, vm=tuple(vm or configured.azure.vms))
    with invocation.telling("drill", selection.newest_of(configured, only, date, at)) as tell:
        chosen = selection.select(configured, only, date, at)
        check(chosen.repository.store, azure)
        if invocation.check:
            return selection.show(chosen, invocation.screen)
        with invocation.screen.watching() as watch:
            drilled = drill_remote(selection.watched(chosen, watch), azure, configured.drill, watch)
        tell(drilled)
        invocation.screen.show(drilled, tables.drill)
    return report.exit_code(drilled.drill.verdict)
