"""`invoke drill.local`."""

from __future__ import annotations

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, At, Date, Only


@command("drill.local", CHECK, JSON, left="nothing was proven; its temporary files are removed")
def local(invocation: Invocation, only: Only = (), date: Date = None, at: At = None) -> int:
    """The restore drill on this machine: download, checksum, decompress, integrity, rows."""
    from local import report
    from local.drill import run, selection
    from local.output import tables

    configured = invocation.settings
    chosen = selection.select(configured, only, date, at)
    if invocation.check:
        return selection.show(chosen, invocation.screen)
    with invocation.screen.watching() as watch:
        drilled = run.drill_here(selection.watched(chosen, watch), configured.drill.host, watch)
    invocation.screen.show(drilled, tables.drill)
    return report.exit_code(drilled.drill.verdict)
