"""The checks as people read them: a line each, with what mends it, and the counts last."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import get_args

from local.doctor.check import Check, CheckVerdict, DoctorReport
from local.output.screen import Screen

_WIDTH = 80
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "cyan"}


def check(screen: Screen, found: Check) -> None:
    """One check; on a terminal broken between words, so that each can be copied, a log has it in one line."""
    line = f"{found.verdict}: [{found.name}] {found.message}"
    if found.mend:
        line += f" → {found.mend}"
    folded = textwrap.wrap(line, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    for text in folded if screen.terminal else [line]:
        screen.say(text, _COLOURS[found.verdict])


def ending(screen: Screen, found: DoctorReport) -> None:
    """How many there are of each."""
    counts = Counter(each.verdict for each in found.checks)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(CheckVerdict))
    verdict = found.doctor.verdict
    screen.say(f"doctor {verdict if verdict != 'fail' else 'FAILED'}: {told}", _COLOURS[verdict])
