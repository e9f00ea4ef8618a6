"""The form of every command's last line: `backup FAILED: shop could not be backed up, 4 of 5 stored`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from local.report import BackupReport, DrillReport, Verdict

WORDS: dict[Verdict, str] = {"passed": "passed", "failed": "FAILED", "inconclusive": "INCONCLUSIVE"}
WOULD: dict[Verdict, str] = {"passed": "would pass", "failed": "would FAIL", "inconclusive": "would be INCONCLUSIVE"}
_NAMES_SHOWN = 6


@dataclass(frozen=True)
class Trouble:
    """What befell some of the things that a command was to do, in words that fit one name as well as several."""

    names: Sequence[str]
    what: str


def ending(begin: str, troubles: Iterable[Trouble], good: str) -> str:
    """`begin` (the command and its verdict), each trouble with the names that have it, and what is good, counted."""
    told = [f"{listed(trouble.names)} {trouble.what}" for trouble in troubles if trouble.names]
    return f"{begin}: {', '.join([*told, good])}"


def listed(names: Sequence[str], most: int = _NAMES_SHOWN) -> str:
    """`a, b and c`; of more than `most` the first, and how many more there are."""
    shown = list(names)
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(shown) - most + 1} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def undone(work: str, exit_code: int, *, check: bool) -> str:
    """The verdict of what an error, told above, kept from being carried out; of a drill that is never `failed`."""
    if check:
        return f"check: the {work} could not be looked at; nothing was changed"
    if work == "drill":
        return "drill INCONCLUSIVE: it could not be carried out, so nothing was proven"
    return f"{work} {'INCONCLUSIVE' if exit_code == 4 else 'FAILED'}: it could not be carried out"


def backup_ending(report: BackupReport) -> str:
    """What could not be backed up, how many were, and what their drill came to."""
    done, total = report.backup, len(report.sources)
    failed = [source.name for source in report.sources if source.verdict == "failed"]
    troubles, stored = [Trouble(failed, "could not be backed up")], f"{total - len(failed)} of {total}"
    if done.check:
        good = f"{stored} would be stored; nothing was changed"
        return ending(f"check: the backup {WOULD[done.verdict]}", troubles, good)
    proof = f"; its proof {WORDS[report.proof.verdict]}" if report.proof else ""
    return ending(f"backup {WORDS[done.verdict]}", troubles, f"{stored} stored in {done.seconds:.1f} s{proof}")


def drill_ending(report: DrillReport) -> str:
    """Which backups failed, which could not be drilled, how many can be brought back, and where that was tried."""
    done, total = report.drill, len(report.sources)
    named = {verdict: [each.name for each in report.sources if each.verdict == verdict] for verdict in WORDS}
    passed, unproven = f"{len(named['passed'])} of {total}", Trouble(named["inconclusive"], "could not be drilled")
    if done.check:
        begin = f"check: the drill {WOULD[done.verdict] if done.verdict != 'passed' else 'would begin'}"
        troubles = [Trouble(named["failed"], "would fail"), unproven]
        return ending(begin, troubles, f"{passed} would be drilled; nothing was proven")
    where = f"{done.where}, on {done.host}, SQLite {done.sqlite or 'unknown'}, {done.seconds:.1f} s"
    good = f"{passed} {'proven' if named['inconclusive'] else 'can be brought back'} ({where})"
    return ending(f"drill {WORDS[done.verdict]}", [Trouble(named["failed"], "failed the drill"), unproven], good)
