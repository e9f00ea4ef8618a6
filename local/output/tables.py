"""Each result as people read it: the tables and last lines of backup, backup.list and the drills."""

from __future__ import annotations

from datetime import datetime

from local import clock
from local.output.listing import Listing
from local.output.screen import Screen, age, size
from local.report import STEPS, BackupReport, DrilledDatabase, DrillReport, Step

_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?"}
_ENDINGS = {
    "passed": ("passed", "every database in it can be brought back", "green"),
    "failed": ("FAILED", "a backup cannot be brought back as it should", "bold red"),
    "inconclusive": ("INCONCLUSIVE", "nothing was proven", "yellow"),
}


def backup(screen: Screen, report: BackupReport) -> None:
    """What happened to each database, and how many failed."""
    rows = [
        (
            one.name,
            one.verdict,
            size(one.database_bytes),
            size(one.gzip_bytes),
            size(one.uploaded_bytes),
            "" if one.changed is None else f"{one.changed:.1%}",
            f"{one.seconds:.1f} s",
            one.error or one.blob or "",
        )
        for one in report.databases
    ]
    screen.table(("database", "verdict", "raw", "gzip", "sent", "changed", "took", "stored as"), rows)
    failed = sum(one.verdict == "failed" for one in report.databases)
    counted = f"{len(rows) - failed} of {len(rows)} databases in {report.backup.seconds:.1f} s"
    screen.say(f"backup {report.backup.verdict}: {counted}", "bold red" if failed else "green")


def listing(screen: Screen, found: Listing, now: datetime) -> None:
    """Every point in time, with its age; those that only `--at` reaches are marked."""
    rows = [
        (
            point.name,
            point.taken,
            age((now - datetime.fromisoformat(point.taken)).total_seconds()),
            size(point.gzip_bytes),
            "" if point.added_bytes is None else f"+{size(point.added_bytes)}",
            size(point.database_bytes),
            "" if point.rows is None else f"{point.rows:,}",
            (point.sha256 or "")[:12],
            point.trouble or ("" if point.current else "former content of its day: --at"),
        )
        for point in found.backups
    ]
    screen.table(("database", "taken", "age", "gzip", "added", "raw", "rows", "sha256", "note"), rows)
    screen.say(f"{len(rows)} points in time" if rows else "no backups yet: invoke backup makes the first")


def drill(screen: Screen, report: DrillReport) -> None:
    """The five steps of each database at a glance, the trouble in full below, and the verdict last."""
    now = clock.now()
    rows = [
        (
            one.name,
            one.verdict,
            "" if one.backup_time is None else age((now - datetime.fromisoformat(one.backup_time)).total_seconds()),
            *(_mark(one, name) for name in STEPS),
            _counted(one),
        )
        for one in report.databases
    ]
    screen.table(("database", "verdict", "backup's age", *STEPS, "counted"), rows)
    for one in report.databases:
        for step in one.steps:
            if step.detail:
                screen.say(f"{one.name}: {step.name}: {step.detail}", "" if step.verdict == "passed" else "yellow")
    _ending(screen, report)


def _ending(screen: Screen, report: DrillReport) -> None:
    drilled = report.drill
    if drilled.fallback:
        screen.say(f"ran here instead of on the VM: {drilled.fallback}", "yellow")
    word, meaning, colour = _ENDINGS[drilled.verdict]
    passed = sum(one.verdict == "passed" for one in report.databases)
    where = f"{drilled.where}, on {drilled.host}, SQLite {drilled.sqlite or 'unknown'}"
    counted = f"{passed} of {len(report.databases)} databases passed in {drilled.seconds:.1f} s"
    screen.say(f"drill {word} ({where}): {counted}; {meaning}", colour)


def _mark(one: DrilledDatabase, name: str) -> str:
    found: Step | None = next((step for step in one.steps if step.name == name), None)
    return f"{_MARKS[found.verdict]} {found.seconds:.2f} s" if found else "–"


def _counted(one: DrilledDatabase) -> str:
    restored = [count.restored for count in one.rows.values() if count.restored is not None]
    tables = "1 table" if len(restored) == 1 else f"{len(restored):,} tables"
    return f"{sum(restored):,} rows in {tables}" if restored else ""
