"""Shows an outcome to a person, as Ansible does: a line for each thing, and a recap."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from local.output.screen import Screen
from rbac.result import Outcome, Status

_COLOURS = {"ok": "green", "changed": "yellow", "failed": "red", "warning": "magenta", "skipped": "cyan"}


def show(outcome: Outcome, screen: Screen) -> None:
    """Print the lines and the recap."""
    for line in outcome.lines:
        screen.say(f"{line.status}: [{line.subject}] {line.text}", _COLOURS[line.status])
    counts = Counter(line.status for line in outcome.lines)
    recap = " ".join(f"{status}={counts[status]}" for status in get_args(Status))
    screen.say(f"recap: {recap}{' (check: nothing was changed)' if outcome.check else ''}")
