"""The question before a live database or volume is replaced: answered by a person at a terminal, or by `--yes`."""

from __future__ import annotations

import sys

from local.errors import ConfigError, InconclusiveError
from local.output.screen import Screen
from local.restore import render
from local.restore.result import RestoreReport


def agree(screen: Screen, report: RestoreReport, *, yes: bool) -> None:
    """Return where the live database or volume may be replaced.

    Raises ConfigError without a terminal and without `--yes`, InconclusiveError for any answer but its name
    or "yes".
    """
    name = report.restore.name
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and screen.terminal):
        came_back = f"replacing the live {report.restore.kind} {name} needs a yes, and there is no terminal to ask at"
        raise ConfigError("restore", came_back, "look at it with --check, then say --yes")
    render.preview(screen, report)
    screen.stream.write(f"Replace the live {report.restore.kind} {name}? Type its name, or yes: ")
    answer = sys.stdin.readline().strip()
    if answer not in (name, "yes"):
        raise InconclusiveError("restore", "it was not agreed to, so nothing was changed")
