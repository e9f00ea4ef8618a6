"""The status and a prune as people read them, within 80 columns."""

from __future__ import annotations

import textwrap
from datetime import datetime
from typing import TYPE_CHECKING

from local.output.screen import Screen, age
from local.watch.status import DatabaseStatus, Status

if TYPE_CHECKING:
    from local.watch.prune import PruneReport

_WIDTH = 80
_COLOURS = {"ok": "green", "late": "bold red", "failed": "bold red"}


def status(screen: Screen, found: Status) -> None:
    """Each database at a glance, then what is wrong and the command that mends it, and the verdict last."""
    now = found.status.status_time
    rows = [
        (
            database.name,
            database.verdict,
            _ago(now, database.last_backup),
            _ago(now, database.unchanged_since),
            _ago(now, database.drill_time),
            "" if database.restore_seconds is None else f"{database.restore_seconds:.1f} s",
        )
        for database in found.databases
    ]
    screen.table(("database", "state", "at risk", "same for", "proven", "restore"), rows)
    for database in found.databases:
        for late in database.late:
            _say(screen, f"{database.name}: {late.message}: {late.mend}", "bold red")
        for note in database.notes:
            _say(screen, f"{database.name}: {note}", "yellow")
    for note in found.status.notes:
        _say(screen, note, "yellow")
    screen.say(_ending(found), _COLOURS[found.status.verdict])


def prune(screen: Screen, found: PruneReport) -> None:
    """Each point with the rule that keeps it or lets it go, then the notes and the counts."""
    done = found.prune
    gone = "would go" if done.check else "removed"
    if done.check:
        screen.say("check: this is the plan, nothing is removed")
    rows = [
        (point.name, point.backup_time, "kept" if point.kept else gone, point.rule)
        for point in sorted(found.points, key=lambda point: (point.name, point.backup_time))
    ]
    screen.table(("database", "taken", "what", "rule"), rows)
    for note in done.notes:
        _say(screen, note, "yellow")
    counted = f"{done.removed} of {done.removed + done.kept} points in time {gone}, {done.kept} kept"
    ending = "check: nothing was removed; " if done.check else f"prune {done.verdict}: "
    screen.say(f"{ending}{counted}", "green" if done.verdict == "passed" else "bold red")


def _say(screen: Screen, text: str, colour: str) -> None:
    """A line, on a terminal broken between words, so that each can be copied; a log has it whole."""
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False) if screen.terminal else [text]
    for line in lines:
        screen.say(line, colour)


def _ending(found: Status) -> str:
    total = len(found.databases)
    wrong = [database for database in found.databases if database.verdict != "ok"]
    if not wrong:
        return f"status ok: {total} of {total} backed up and proven within their limits"
    return f"status {found.status.verdict.upper()}: {len(wrong)} of {total} databases: {_names(wrong)}"


def _names(databases: list[DatabaseStatus]) -> str:
    return ", ".join(database.name for database in databases)


def _ago(now: str, moment: str | None) -> str:
    if moment is None:
        return ""
    return age((datetime.fromisoformat(now) - datetime.fromisoformat(moment)).total_seconds())
