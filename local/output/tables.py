"""Each result as people read it: the tables and last lines of backup, backup.list and the drills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from local import clock
from local.output.listing import ListedPoint, Listing
from local.output.screen import Screen, age, size
from local.report import STEPS, BackedUpDatabase, BackupProof, BackupReport, DrilledDatabase, DrillReport, Step
from local.shadow_tables import shadow_tables
from local.store.catalog import is_future

_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?"}
_CHECKED = {True: "holds", False: "DOES NOT HOLD", None: "could not be evaluated"}
_ENDINGS = {
    "passed": ("passed", "every database in it can be brought back", "green"),
    "failed": ("FAILED", "a backup cannot be brought back as it should", "bold red"),
    "inconclusive": ("INCONCLUSIVE", "nothing was proven", "yellow"),
}


def backup(screen: Screen, report: BackupReport) -> None:
    """What happened to each database, and how many failed."""
    rows = [
        (
            database.name,
            database.verdict,
            size(database.database_bytes),
            size(database.gzip_bytes),
            size(database.uploaded_bytes),
            _changed(database),
            f"{database.seconds:.1f} s",
            database.error or database.blob or "",
        )
        for database in report.databases
    ]
    screen.table(("database", "verdict", "raw", "gzip", "sent", "changed", "took", "stored as"), rows)
    failed = sum(database.verdict == "failed" for database in report.databases)
    counted = f"{len(rows) - failed} of {len(rows)} databases in {report.backup.seconds:.1f} s"
    if report.proof:
        _proof(screen, report.proof)
        counted += f", its proof {report.proof.verdict}"
    screen.say(f"backup {report.backup.verdict}: {counted}", _ENDINGS[report.backup.verdict][2])


def _changed(database: BackedUpDatabase) -> str:
    if database.changed is None:
        return ""
    return f"{database.changed:.1%}, not read" if database.read is False else f"{database.changed:.1%}"


def listing(screen: Screen, found: Listing, now: datetime) -> None:
    """Every point in time, with its age; those that only `--at` reaches are marked."""
    rows = [
        (
            point.name,
            point.backup_time,
            _age(now, point.backup_time),
            size(point.gzip_bytes),
            "" if point.added_bytes is None else f"+{size(point.added_bytes)}",
            size(point.database_bytes),
            "" if point.row_total is None else f"{point.row_total - (point.shadow_row_total or 0):,}",
            (point.sha256 or "")[:12],
            _note(point, now),
        )
        for point in found.backups
    ]
    screen.table(
        ("database", "taken", "age", "gzip", "added", "raw", "rows", "sha256", "note"),
        rows,
        spare=("raw", "rows", "sha256"),
    )
    screen.say(f"{len(rows)} points in time" if rows else "no backups yet: invoke backup makes the first")


def drill(screen: Screen, report: DrillReport) -> None:
    """The five steps of each database at a glance, what each has to say in full below, and the verdict last."""
    steps(screen, report.databases)
    _ending(screen, report)


def drill_check(screen: Screen, report: DrillReport) -> None:
    """The backup of each database that a drill would take; the first line and the last say that this is a check."""
    screen.say(f"check of a drill ({report.drill.where}, on {report.drill.host}): nothing is drilled")
    now = clock.now()
    rows = [
        (
            database.name,
            database.backup_time or "",
            "" if database.backup_time is None else _age(now, database.backup_time),
            size(database.gzip_bytes),
            size(database.database_bytes),
            database.blob or "",
        )
        for database in report.databases
    ]
    screen.table(("database", "taken", "age", "gzip", "raw", "blob"), rows)
    _details(screen, report.databases)
    begin = sum(database.verdict == "passed" for database in report.databases)
    told = f"check: {begin} of {len(rows)} databases have a backup that can be drilled; nothing was proven"
    screen.say(told, _ENDINGS[report.drill.verdict][2])


def steps(screen: Screen, databases: Sequence[DrilledDatabase]) -> None:
    """The five steps of each database, and below what each has to say in full."""
    now = clock.now()
    rows = [
        (
            database.name,
            database.verdict,
            "" if database.backup_time is None else _age(now, database.backup_time),
            *(_mark(database, name) for name in STEPS),
            _counted(database),
        )
        for database in databases
    ]
    screen.table(("database", "verdict", "backup's age", *STEPS, "counted"), rows, folding=STEPS)
    _details(screen, databases)
    for database in databases:
        for name, holds in database.checks.items():
            screen.say(f"{database.name}: check {name!r}: {_CHECKED[holds]}", "" if holds else "yellow")


def _details(screen: Screen, databases: Sequence[DrilledDatabase]) -> None:
    for database in databases:
        for step in database.steps:
            if step.detail:
                screen.say(f"{database.name}: {step.name}: {step.detail}", "" if step.verdict == "passed" else "yellow")


def _proof(screen: Screen, proof: BackupProof) -> None:
    """The drill of what was just written, as any drill; or why it could not be carried out."""
    if proof.drill:
        drill(screen, DrillReport(proof.drill, proof.databases))
    if proof.error:
        screen.say(f"proof: {proof.error}", "yellow")


def _ending(screen: Screen, report: DrillReport) -> None:
    drilled = report.drill
    if drilled.fallback:
        screen.say(f"ran here instead of on the VM: {drilled.fallback}", "yellow")
    word, meaning, colour = _ENDINGS[drilled.verdict]
    passed = sum(database.verdict == "passed" for database in report.databases)
    where = f"{drilled.where}, on {drilled.host}, SQLite {drilled.sqlite or 'unknown'}"
    counted = f"{passed} of {len(report.databases)} databases passed in {drilled.seconds:.1f} s"
    screen.say(f"drill {word} ({where}): {counted}; {meaning}", colour)


def _note(point: ListedPoint, now: datetime) -> str:
    if point.error:
        return point.error
    if is_future(datetime.fromisoformat(point.backup_time), now):
        return "in the future (whose clock is wrong?), so never the newest: --at"
    return "" if point.current else "former content of its day: --at"


def _age(now: datetime, moment: str) -> str:
    return age((now - datetime.fromisoformat(moment)).total_seconds())


def _mark(database: DrilledDatabase, name: str) -> str:
    found: Step | None = next((step for step in database.steps if step.name == name), None)
    return f"{_MARKS[found.verdict]} {found.seconds:.2f} s" if found else "–"


def _counted(database: DrilledDatabase) -> str:
    restored = {name: count.restored for name, count in database.rows.items() if count.restored is not None}
    shadows = shadow_tables(database.rows) & restored.keys()
    own = [count for name, count in restored.items() if name not in shadows]
    if not restored:
        return ""
    beside = f", {_tables(len(shadows), 'shadow table')}" if shadows else ""
    return f"{sum(own):,} rows in {_tables(len(own), 'table')}{beside}"


def _tables(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
