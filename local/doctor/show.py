"""The checks as people read them: a line each, with what mends it, and the counts last."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import get_args

from local.doctor.check import Check, CheckVerdict, DoctorReport
from local.output.screen import Screen

_WIDTH = 80
_INDENT = "    "
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "cyan"}


def check(screen: Screen, found: Check) -> None:
    """One check, in a log in one line.

    On a terminal the text is broken between words, and what mends it follows whole, so that a command can be copied.
    """
    line, colour = f"{found.verdict}: [{found.name}] {found.message}", _COLOURS[found.verdict]
    if not screen.terminal:
        screen.say(f"{line} → {found.mend}" if found.mend else line)
        return
    for text in textwrap.wrap(line, _WIDTH, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False):
        screen.say(text, colour)
    if found.mend:
        screen.say(f"{_INDENT}→ {found.mend}", colour)


def ending(screen: Screen, found: DoctorReport) -> None:
    """How many there are of each."""
    counts = Counter(each.verdict for each in found.checks)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(CheckVerdict))
    verdict = found.doctor.verdict
    screen.say(f"doctor {verdict if verdict != 'fail' else 'FAILED'}: {told}", _COLOURS[verdict])
