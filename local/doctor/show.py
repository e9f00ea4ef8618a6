"""The checks as people read them: a line each, with what mends it, and the counts last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import get_args

from local.doctor.check import CheckVerdict, DoctorCheck, DoctorReport
from local.output import endings
from local.output.screen import Screen

_INDENT = "    "
_LONG = 100
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "cyan"}


def telling(screen: Screen) -> Callable[[DoctorCheck], None]:
    """Shows one check after the other; a long reason that several share is told with the first of them."""
    failed: list[DoctorCheck] = []

    def tell(found: DoctorCheck) -> None:
        check(screen, told_once(found, failed))
        if found.verdict == "fail":
            failed.append(found)

    return tell


def told_once(found: DoctorCheck, failed: Sequence[DoctorCheck]) -> DoctorCheck:
    """A failure whose message ends like that of an earlier one with the same mend, without what is told there."""
    parts = found.message.split(": ")
    for earlier in failed:
        for start in range(1, len(parts)):
            ending = ": ".join(parts[start:])
            shared = earlier.mend == found.mend and earlier.message.endswith(ending)
            if found.verdict == "fail" and shared and len(ending) > _LONG:
                return DoctorCheck(found.name, found.verdict, f"{': '.join(parts[:start])}: as for [{earlier.name}]")
    return found


def check(screen: Screen, found: DoctorCheck) -> None:
    """One check, in a log in one line.

    On a terminal the text is broken between words, and what mends it follows whole, so that a command can be copied.
    """
    line, colour = f"{found.verdict}: [{found.name}] {found.message}", _COLOURS[found.verdict]
    if not screen.terminal:
        screen.say(f"{line} → {found.mend}" if found.mend else line)
        return
    screen.say(line, colour)
    if found.mend:
        screen.quote(f"{_INDENT}→ {screen.advise(found.mend)}", colour)


def ending(screen: Screen, found: DoctorReport) -> None:
    """Which fail, or else which are worth a look, and how many there are of each."""
    verdict = found.doctor.verdict
    counts = Counter(each.verdict for each in found.checks)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(CheckVerdict))
    those = list(dict.fromkeys(each.name.partition(":")[0] for each in found.checks if each.verdict == verdict))
    what = {"fail": "failed", "warn": "worth a look"}.get(verdict)
    troubles = [endings.Trouble(those, what)] if what else []
    screen.say(
        endings.ending(f"doctor {'FAILED' if verdict == 'fail' else verdict}", troubles, told), _COLOURS[verdict]
    )
