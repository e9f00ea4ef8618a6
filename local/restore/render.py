"""A restore as people read it: what would happen, what happened, and what undoes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from shlex import quote

from local import clock
from local.output import tables
from local.output.screen import Screen, age, size
from local.report import DrilledDatabase, RowCount
from local.restore.result import ProbeResult, Restore, RestoreReport, RowChange
from local.shadow_tables import shadow_tables

_TABLES_SHOWN = 20
_PROBE_LINES = 12
_HELD = {"database": "open in", "volume": "used by"}
_NOBODY = {"database": "no program", "volume": "no container"}
_COLOURS = {"passed": "green", "failed": "bold red", "inconclusive": "yellow"}


def check(screen: Screen, report: RestoreReport, notes: Sequence[str] = ()) -> None:
    """What a restore would do; the first line and the last say that this is a check."""
    restore = report.restore
    what = "rollback" if restore.rollback else "restore"
    screen.say(f"check of a {what} of {restore.name} to {_target(restore)}: nothing is changed")
    for note in notes:
        screen.say(note, "yellow")
    preview(screen, report)
    if restore.verdict == "passed":
        screen.say(f"check: the {what} would begin; nothing was changed", "green")
    else:
        mend = f"; {report.plan.mend}" if report.plan and report.plan.mend else ""
        screen.say(
            f"check: the {what} would NOT begin: {restore.reason}{mend}; nothing was changed", _COLOURS[restore.verdict]
        )


def preview(screen: Screen, report: RestoreReport) -> None:
    """The facts that a person decides by: the backup, what stands there, what would be lost or gained."""
    restore, plan = report.restore, report.plan
    assert plan
    screen.say(f"{'copy' if restore.rollback else 'backup'} that would be restored: {_backup(restore)}")
    if restore.live:
        screen.say(f"live {restore.kind}: {restore.target} ({plan.found})")
        others = f" ({plan.untold})" if plan.untold else ""
        screen.say(f"{_HELD[restore.kind]}: {', '.join(plan.holders) or _NOBODY[restore.kind]}{others}")
        screen.say(f"how it would be done: {plan.method}")
        if not plan.refusal:
            screen.say(
                f"would be kept first as: {plan.keeps}"
                if plan.keeps
                else "would be kept first: nothing, since nothing is there"
            )
    needed = "what it needs is not recorded" if plan.needed_bytes is None else f"{size(plan.needed_bytes)} needed"
    is_more = _is_live_volume(restore) and plan.needed_bytes is not None
    besides = ", and twice what the volume holds now" if is_more else ""
    screen.say(f"room: {needed}{besides}, {size(plan.free_bytes)} free")
    if plan.note:
        screen.say(plan.note if restore.kind == "volume" else f"not counted: {plan.note}", "yellow")
    _rows(screen, report)


def result(screen: Screen, report: RestoreReport) -> None:
    """The five steps, the rows, the probe's word, what was kept, and in the last line how it ended."""
    restore = report.restore
    if report.steps:
        drilled = [_drilled(report)]
        is_volume = restore.kind == "volume"
        tables.steps(screen, [] if is_volume else drilled, drilled if is_volume else [])
    if restore.live:
        if restore.verdict == "passed":
            _rows(screen, report)
        if restore.kind == "database":
            _probe(screen, report.probe, ran=restore.kept is not None or restore.verdict == "passed")
        _kept(screen, restore)
    for note in restore.notes:
        screen.say(note, "yellow")
    told = any(restore.reason and restore.reason in step.detail for step in report.steps)
    screen.say(_ending(restore, told=told), _COLOURS[restore.verdict])


def _ending(restore: Restore, *, told: bool) -> str:
    """The last line; the reason stands in it unless it is `told` above."""
    which = f"{restore.name} of {restore.backup_time}" if restore.backup_time else f"{restore.name} of {restore.blob}"
    if restore.verdict == "passed":
        undo = (
            f"; undo it: invoke restore {restore.name} --rollback"
            if restore.live and restore.kept and restore.can_be_undone
            else ""
        )
        but = "; not in every respect as in the volume, see above" if restore.notes else ""
        return f"restore passed: {which} stands {_in_or_at(restore)} {_target(restore)}{but}{undo}"
    if restore.rolled_back:
        back = f"{restore.name} was rolled back, {_target(restore)} holds its former content again"
        return f"restore FAILED: {back}: {restore.reason}"
    word = "FAILED" if restore.verdict == "failed" else "INCONCLUSIVE"
    why = "" if told else f": {restore.reason}"
    return f"restore {word}: {restore.name} could not be restored{why}; {_not_restored(restore)}"


def _target(restore: Restore) -> str:
    return f"the volume {restore.target}" if _is_live_volume(restore) else restore.target


def _in_or_at(restore: Restore) -> str:
    return "in" if _is_live_volume(restore) else "at"


def _is_live_volume(restore: Restore) -> bool:
    return restore.live and restore.kind == "volume"


def _not_restored(restore: Restore) -> str:
    if restore.kept:
        return f"what stood there before is {restore.kept}"
    return "nothing was changed; other backups: invoke backup.list; by hand: docs/restore.md"


def _backup(restore: Restore) -> str:
    if restore.blob is None:
        return "none"
    if restore.backup_time is None:
        return restore.blob
    seconds = (clock.now() - datetime.fromisoformat(restore.backup_time)).total_seconds()
    return f"{restore.blob} of {restore.backup_time}, age {age(seconds)}"


def _rows(screen: Screen, report: RestoreReport) -> None:
    """The tables that change, or all of a new file's, as many as a screen has room for; shadow tables are counted."""
    rows, live, is_volume = report.rows, report.restore.live, report.restore.kind == "volume"
    what = "in the volume" if is_volume else "table"
    shadows = shadow_tables(rows)
    rows = {name: row for name, row in rows.items() if name not in shadows}
    known = _is_known(row.before for row in rows.values()) and _is_known(row.restored for row in rows.values())
    shown = {name: row for name, row in rows.items() if not live or row.before != row.restored}
    some = list(shown.items())[:_TABLES_SHOWN]
    if live:
        cells = [(name, _count(row.before), _count(row.restored), _change(row, known=known)) for name, row in some]
        if cells:
            screen.table((what, "before", "restored", "change"), cells)
    elif some:
        screen.table((what, "count" if is_volume else "rows"), [(name, _count(row.restored)) for name, row in some])
    if len(shown) > _TABLES_SHOWN:
        screen.say(f"tables not shown: {len(shown) - _TABLES_SHOWN}; --json names them all")
    if shadows:
        screen.say(f"shadow tables not shown, which SQLite's virtual tables keep for themselves: {len(shadows)}")
    if live and rows and not is_volume:
        screen.say(_sums(rows))
    if not _is_known(row.restored for row in rows.values()):
        where = "copy" if report.restore.rollback else "backup"
        screen.say(f"{'files' if is_volume else 'rows'}: not recorded in this {where}")


def _sums(rows: Mapping[str, RowChange]) -> str:
    """A table that only one of them has counts there in full; where one was not counted at all, nothing is said."""
    if not _is_known(row.before for row in rows.values()) or not _is_known(row.restored for row in rows.values()):
        return "rows: not compared, since one side was not counted"
    changes = [(row.restored or 0) - (row.before or 0) for row in rows.values()]
    fewer, more = -sum(n for n in changes if n < 0), sum(n for n in changes if n > 0)
    return f"rows: {fewer:,} fewer and {more:,} more than before"


def _is_known(counts: Iterable[int | None]) -> bool:
    return any(count is not None for count in counts)


def _count(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _change(row: RowChange, *, known: bool) -> str:
    if row.before is not None and row.restored is not None:
        return f"{row.restored - row.before:+,}"
    if not known:
        return "not known"
    return "the table is new" if row.before is None else "the table is gone"


def _probe(screen: Screen, probe: ProbeResult | None, *, ran: bool) -> None:
    if probe is None:
        if ran:
            screen.say(
                "probe: none is configured, so the application was not asked (databases[].probe names a command)",
                "yellow",
            )
        return
    said = "passed" if probe.passed else f"FAILED: {probe.reason}"
    screen.say(f"probe: {probe.command}: {said}", "green" if probe.passed else "bold red")
    lines = probe.output.splitlines()
    for line in lines[:_PROBE_LINES]:
        screen.quote(f"probe: | {line}")
    if len(lines) > _PROBE_LINES:
        screen.say(f"probe: | … (lines not shown: {len(lines) - _PROBE_LINES})")


def _kept(screen: Screen, restore: Restore) -> None:
    if restore.kept:
        screen.say(f"kept: {restore.kept}, what stood there before")
    if restore.kept_meanwhile:
        screen.say(f"kept: {restore.kept_meanwhile}, what stood there between the restore and its undoing")
    if restore.verdict == "passed" and restore.blob and not restore.counts_compared:
        screen.say("counts: not compared, since programs went on writing", "yellow")
    if restore.surplus:
        paths = " ".join(quote(path) for path in restore.surplus)
        screen.say(f"older copies than restore.keep_copies asks for; remove them: rm {paths}", "yellow")


def _drilled(report: RestoreReport) -> DrilledDatabase:
    """The backup's drill, as the drill's table shows it."""
    restore = report.restore
    verdict = report.steps[-1].verdict
    rows = {name: RowCount(row.restored, None, None) for name, row in report.rows.items()}
    return DrilledDatabase(
        restore.name, verdict, restore.blob, restore.backup_time, None, None, None, report.steps, rows
    )
