"""Each result as people read it: the tables and last lines of backup, backup.list and the drills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from local import clock
from local.output.endings import WOULD, backup_ending, drill_ending, listed
from local.output.listing import ListedPoint, Listing
from local.output.names import Names
from local.output.screen import Screen, age, size
from local.report import (
    STEPS,
    BackedUpDatabase,
    BackupProof,
    BackupReport,
    DrilledDatabase,
    DrillReport,
    RowCount,
    Step,
    Verdict,
)
from local.shadow_tables import shadow_tables
from local.store.catalog import is_future
from local.store.shelf import by_kind

_COUNTED = {False: "rows", True: "rows or files"}
_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?"}
_CHECKED = {True: "holds", False: "DOES NOT HOLD", None: "could not be evaluated"}
_COLOURS: dict[Verdict, str] = {"passed": "green", "failed": "bold red", "inconclusive": "yellow"}


def backup(screen: Screen, report: BackupReport) -> None:
    """What happened to each source, or would; each error once and whole below; and in the last line which failed."""
    check, names = report.backup.check, Names(bool(report.volumes))
    rows = [
        (
            *names.cells(source.name, kind),
            WOULD[source.verdict] if check else source.verdict,
            size(source.database_bytes),
            size(source.gzip_bytes),
            size(source.uploaded_bytes),
            _changed(source),
            f"{source.seconds:.1f} s",
            source.blob or "",
        )
        for kind, source in by_kind(report.databases, report.volumes)
    ]
    stored = "would be stored as" if check else "stored as"
    screen.table((*names.headers, "verdict", "raw", "gzip", "sent", "changed", "took", stored), rows)
    _foot(screen, ((source.name, source.error) for source in report.sources if source.error))
    if report.proof:
        _proof(screen, report.proof)
    screen.say(backup_ending(report), _COLOURS[report.backup.verdict])


def _changed(database: BackedUpDatabase) -> str:
    if database.changed is None:
        return ""
    return f"{database.changed:.1%}, not read" if database.read is False else f"{database.changed:.1%}"


def listing(screen: Screen, found: Listing, now: datetime, expected: Sequence[str] = ()) -> None:
    """Every point in time, with its age and a mark where only `--at` reaches it; which of `expected` have none."""
    names = Names(any(point.kind == "volume" for point in found.backups))
    rows = [
        (
            *names.cells(point.name, point.kind),
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
        (*names.headers, "taken", "age", "gzip", "added", "raw", _COUNTED[names.mixed], "sha256", "note"),
        rows,
        spare=("kind", "raw", _COUNTED[names.mixed], "sha256"),
    )
    there = {point.name for point in found.backups}
    lacking = [name for name in expected if name not in there]
    if lacking:
        screen.say(f"the store holds no backup of {listed(lacking, len(lacking))}; make one: invoke backup", "yellow")
    screen.say(f"{len(rows)} {'point' if len(rows) == 1 else 'points'} in time")


def drill(screen: Screen, report: DrillReport) -> None:
    """The five steps of each backup at a glance, what each has to say in full below, and the verdict last."""
    steps(screen, report.databases, report.volumes)
    _ending(screen, report)


def drill_check(screen: Screen, report: DrillReport) -> None:
    """The backups that a drill would take; the first line and the last say that this is a check."""
    screen.say(f"check of a drill ({report.drill.where}, on {report.drill.host}): nothing is drilled")
    now, names = clock.now(), Names(bool(report.volumes))
    rows = [
        (
            *names.cells(found.name, kind),
            found.backup_time or "",
            "" if found.backup_time is None else _age(now, found.backup_time),
            size(found.gzip_bytes),
            size(found.database_bytes),
            found.blob or "",
        )
        for kind, found in by_kind(report.databases, report.volumes)
    ]
    screen.table((*names.headers, "taken", "age", "gzip", "raw", "would be drilled"), rows)
    _details(screen, report.sources)
    screen.say(drill_ending(report), _COLOURS[report.drill.verdict])


def steps(screen: Screen, databases: Sequence[DrilledDatabase], volumes: Sequence[DrilledDatabase] = ()) -> None:
    """The five steps of each backup, and below what each has to say in full."""
    now, names = clock.now(), Names(bool(volumes))
    rows = [
        (
            *names.cells(found.name, kind),
            found.verdict,
            "" if found.backup_time is None else _age(now, found.backup_time),
            *(_mark(found, name) for name in STEPS),
            _counted(found.rows) if kind == "database" else _counted_files(found.rows),
        )
        for kind, found in by_kind(databases, volumes)
    ]
    screen.table((*names.headers, "verdict", "backup's age", *STEPS, "counted"), rows, folding=STEPS)
    _details(screen, [*databases, *volumes])
    for database in databases:
        for name, holds in database.checks.items():
            screen.say(f"{database.name}: check {name!r}: {_CHECKED[holds]}", "" if holds else "yellow")


def _details(screen: Screen, databases: Sequence[DrilledDatabase]) -> None:
    told = [(each.name, step) for each in databases for step in each.steps if step.detail]
    for passed in (True, False):
        lines = [(name, f"{step.name}: {step.detail}") for name, step in told if (step.verdict == "passed") is passed]
        _foot(screen, lines, "" if passed else "yellow")


def _foot(screen: Screen, told: Iterable[tuple[str, str]], colour: str = "bold red") -> None:
    """What is to be said of each name, whole; what is the same of several is said once."""
    names: dict[str, list[str]] = {}
    for name, text in told:
        names.setdefault(text, []).append(name)
    for text, those in names.items():
        screen.say(f"{listed(those, len(those))}: {text}", colour)


def _proof(screen: Screen, proof: BackupProof) -> None:
    """The drill of what was just written, as any drill; or why it could not be carried out."""
    if proof.drill:
        drill(screen, DrillReport(proof.drill, proof.databases, proof.volumes))
    if proof.error:
        screen.say(f"proof: {proof.error}", "yellow")


def _ending(screen: Screen, report: DrillReport) -> None:
    drilled = report.drill
    if drilled.fallback:
        screen.say(f"ran here instead of on the VM: {drilled.fallback}", "yellow")
    screen.say(drill_ending(report), _COLOURS[drilled.verdict])


def _note(point: ListedPoint, now: datetime) -> str:
    if point.error:
        return point.error
    if is_future(datetime.fromisoformat(point.backup_time), now):
        return "dated in the future (check the clocks: date -u); only --at takes it"
    told = [f"{point.changing_count:,} in it changed while it was read"] if point.changing_count else []
    return "; ".join([*told, *([] if point.current else ["earlier that day: use --at"])])


def _age(now: datetime, moment: str) -> str:
    return age((now - datetime.fromisoformat(moment)).total_seconds())


def _mark(database: DrilledDatabase, name: str) -> str:
    found: Step | None = next((step for step in database.steps if step.name == name), None)
    return f"{_MARKS[found.verdict]} {found.seconds:.2f} s" if found else "–"


def _counted(rows: Mapping[str, RowCount]) -> str:
    restored = {name: count.restored for name, count in rows.items() if count.restored is not None}
    shadows = shadow_tables(rows) & restored.keys()
    own = [count for name, count in restored.items() if name not in shadows]
    if not restored:
        return ""
    beside = f", {_tables(len(shadows), 'shadow table')}" if shadows else ""
    return f"{sum(own):,} rows in {_tables(len(own), 'table')}{beside}"


def _counted_files(rows: Mapping[str, RowCount]) -> str:
    """A volume's files, and the rows of the databases in it, of which a VM tells only what is not as recorded."""
    files = rows["files"].restored if "files" in rows else None
    if files is None:
        return ""
    in_databases = _counted({name: count for name, count in rows.items() if name not in ("files", "bytes")})
    return ", ".join(filter(None, (_tables(files, "file"), size(rows["bytes"].restored), in_databases)))


def _tables(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
