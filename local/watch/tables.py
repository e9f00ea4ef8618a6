"""The status and a prune as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, get_args

from local.output.endings import Trouble, ending
from local.output.names import Names
from local.output.screen import Screen, age
from local.store.shelf import by_kind
from local.watch.retention import NOT_REMOVED
from local.watch.status import Health, Status

if TYPE_CHECKING:
    from local.watch.prune import PruneReport

_COLOURS = {"ok": "green", "late": "bold red", "failed": "bold red"}


def status(screen: Screen, found: Status) -> None:
    """Each database and volume at a glance, then what is wrong and the command that mends it, and the verdict last."""
    now = found.status.status_time
    names = Names(bool(found.volumes))
    rows = [
        (
            *names.cells(source.name, kind),
            source.verdict,
            _ago(now, source.last_backup),
            _ago(now, source.unchanged_since),
            _ago(now, source.drill_time),
            "" if source.restore_seconds is None else f"{source.restore_seconds:.1f} s",
        )
        for kind, source in by_kind(found.databases, found.volumes)
    ]
    screen.table((*names.headers, "state", "last backup", "unchanged", "proven", "restore took"), rows, spare=("kind",))
    for source in found.sources:
        for late in source.late:
            screen.say(f"{source.name}: {late.message}: {late.mend}", "bold red")
        for note in source.notes:
            screen.say(f"{source.name}: {note}", "yellow")
    for note in found.status.notes:
        screen.say(note, "yellow")
    screen.say(_ending(found), _COLOURS[found.status.verdict])


def prune(screen: Screen, found: PruneReport) -> None:
    """Each point with the rule that keeps it or lets it go, then the notes and the counts."""
    done = found.prune
    gone, kept = ("would be removed", "would be kept") if done.check else ("removed", "kept")
    if done.check:
        screen.say("check of a prune: nothing is removed")
    names = Names(any(point.kind == "volume" for point in found.points))
    rows = [
        (*names.cells(point.name, point.kind), point.backup_time, kept if point.kept else gone, point.rule)
        for point in sorted(found.points, key=lambda point: (point.name, point.kind, point.backup_time))
    ]
    screen.table((*names.headers, "taken", "what", "rule"), rows, spare=("kind",))
    for note in done.notes:
        screen.say(note, "yellow")
    screen.say(_prune_ending(found), "green" if done.verdict == "passed" else "bold red")


def _ending(found: Status) -> str:
    total = len(found.sources)
    named = {verdict: [each.name for each in found.sources if each.verdict == verdict] for verdict in get_args(Health)}
    if found.status.verdict == "ok":
        return f"status ok: {total} of {total} backed up and proven within their limits"
    troubles = [Trouble(named["failed"], "failed"), Trouble(named["late"], "late")]
    return ending(f"status {found.status.verdict.upper()}", troubles, f"{len(named['ok'])} of {total} ok")


def _prune_ending(found: PruneReport) -> str:
    """How many points of how many were removed, or would be; of which databases one would not go."""
    done = found.prune
    counted = f"{done.removed} of {done.removed + done.kept}"
    if done.check:
        return f"check: the prune would remove {counted} points in time and keep {done.kept}; nothing was removed"
    begin = "prune passed" if done.verdict == "passed" else "prune FAILED"
    stuck = list(dict.fromkeys(point.name for point in found.points if point.kept and point.rule == NOT_REMOVED))
    return ending(begin, [Trouble(stuck, "could not be pruned")], f"{counted} points in time removed, {done.kept} kept")


def _ago(now: str, moment: str | None) -> str:
    if moment is None:
        return ""
    return age((datetime.fromisoformat(now) - datetime.fromisoformat(moment)).total_seconds())
