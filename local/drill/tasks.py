"""`invoke drill.local`."""

from __future__ import annotations

from collections.abc import Sequence

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, At, Date, From, Only
from local.errors import ConfigError


@command("drill.local", CHECK, JSON, left="nothing was proven; its temporary files are removed", work="drill")
def local(invocation: Invocation, only: Only = (), date: Date = None, at: At = None, from_: From = None) -> int:
    """Prove here that the backups can be restored: download, checksum, decompress, integrity, rows."""
    from local import report
    from local.drill import run, selection
    from local.output import tables

    if from_ is not None:
        if date or at:
            raise ConfigError("--from", "takes no --date or --at: the file is one point in time", "leave them out")
        return _drill_file(invocation, from_, only)
    configured = invocation.settings
    with invocation.telling("drill", selection.newest_of(configured, only, date, at)) as tell:
        chosen = selection.select(configured, only, date, at)
        if invocation.check:
            return selection.show(chosen, invocation.screen, "local", configured.drill.host)
        with invocation.screen.watching() as watch:
            drilled = run.drill_here(selection.watched(chosen, watch), configured.drill.host, watch)
        tell(drilled)
        invocation.screen.show(drilled, tables.drill)
    return report.exit_code(drilled.drill.verdict)


def _drill_file(invocation: Invocation, path: str, only: Sequence[str]) -> int:
    from local import report
    from local.drill import lone_file
    from local.output import tables

    configured, screen = invocation.settings, invocation.screen
    lone = lone_file.read_file(path, only)
    if invocation.check:
        checked = lone_file.preview_file(lone, configured.databases, configured.drill.host)
        screen.show(checked, tables.drill_check)
        return report.exit_code(checked.drill.verdict)
    with screen.watching() as watch:
        drilled = lone_file.drill_file(lone, configured.databases, configured.drill.host, watch)
    screen.show(drilled, tables.drill)
    return report.exit_code(drilled.drill.verdict)
