"""Shows an outcome to a person, as Ansible does: a line for each thing, and a recap."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

from rbac.result import Outcome, Status

if TYPE_CHECKING:
    from rich.console import Console

_STYLE = {"ok": "green", "changed": "yellow", "failed": "red", "warning": "magenta", "skipped": "cyan"}


def show(outcome: Outcome, console: Console) -> None:
    """Print the lines and the recap; names from the directory are shown without control characters."""
    from rich.text import Text

    for line in outcome.lines:
        text = Text(f"{line.status}: ", style=_STYLE[line.status])
        text.append(_plain(f"[{line.subject}] {line.text}"), style="default")
        console.print(text, soft_wrap=True)
    counts = Counter(line.status for line in outcome.lines)
    recap = " ".join(f"{status}={counts[status]}" for status in get_args(Status))
    mode = " (check: nothing was changed)" if outcome.check else ""
    console.print(Text(f"recap: {recap}{mode}"), soft_wrap=True)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
