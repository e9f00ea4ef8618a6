from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from local import clock
from local.output import tables
from local.output.listing import ListedPoint, Listing
from local.output.screen import Screen
from local.report import (
    STEPS,
    BackedUpDatabase,
    BackedUpVolume,
    Backup,
    BackupReport,
    Drill,
    DrilledDatabase,
    DrillReport,
    RowCount,
    Step,
    Verdict,
)
from tests.local.output.conftest import Show
from tests.support.terminal import log_lines, without_colours

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
BLOB = "sqlite/2026-05-05/costs.db.gz"
STORED = BackedUpDatabase(
    "costs", "passed", BLOB, clock.timestamp(NOON), "ab" * 32, 8_000_000, 1_500_000, 64_000, 0.1234, True, 3.21
)
REFUSED = BackedUpDatabase("hivemind", "failed", seconds=0.04, error="/db/hivemind.db: no such file")
NEWEST = ListedPoint(
    "costs",
    clock.timestamp(NOON),
    "2026-05-05",
    BLOB,
    True,
    1_500_000,
    64_000,
    8_000_000,
    "ab" * 32,
    12_345,
    0,
    "t",
    None,
)
FORMER = msgspec.structs.replace(
    NEWEST, current=False, added_bytes=None, database_bytes=None, sha256=None, row_total=None
)
VOLUME = msgspec.structs.replace(
    NEWEST, name="grafana-data", blob="volumes/2026-05-05/grafana-data.tar.gz", kind="volume", changing_count=2
)


def backup_report(*databases: BackedUpDatabase) -> BackupReport:
    failed = any(database.verdict == "failed" for database in databases)
    return BackupReport(Backup("id", clock.timestamp(NOON), 3.5, "failed" if failed else "passed"), databases)


def drilled(verdict: Verdict, *steps: Step, rows: dict[str, RowCount] | None = None) -> DrilledDatabase:
    taken = clock.timestamp(clock.now() - timedelta(hours=3))
    return DrilledDatabase("costs", verdict, BLOB, taken, "ab" * 32, 164, 8192, steps, rows or {})


def drill_report(verdict: Verdict, *databases: DrilledDatabase, fallback: str | None = None) -> DrillReport:
    drill = Drill("id", "local", "ANVIL", clock.timestamp(NOON), 0.54, verdict, fallback, "3.40.1", "3.11", "t")
    return DrillReport(drill, databases)


PASSED_STEPS = tuple(Step(name, "passed", 0.25) for name in STEPS)
COUNTS = {"runs": RowCount(1200, 1200, 1), "days": RowCount(34, 34, None), "lost": RowCount(None, 5, None)}


def test_a_log_tells_what_became_of_each_database(capsys: pytest.CaptureFixture[str]) -> None:
    tables.backup(Screen(), backup_report(STORED, REFUSED))

    assert log_lines(capsys.readouterr().out) == [
        f"costs: verdict passed, raw 8.0 MB, gzip 1.5 MB, sent 64.0 kB, changed 12.3%, took 3.2 s, stored as {BLOB}",
        "hivemind: verdict failed, took 0.0 s",
        "hivemind: /db/hivemind.db: no such file",
        "backup FAILED: hivemind could not be backed up, 1 of 2 stored in 3.5 s",
    ]


def test_a_log_tells_what_became_of_volumes_beside_databases(capsys: pytest.CaptureFixture[str]) -> None:
    stored = BackedUpVolume("Site_data", "passed", "volumes/2026-05-05/Site_data.tar.gz", None, None, 9_000_000)
    away = "docker: reach the engine: there is no such socket; start Docker"
    lost = [BackedUpVolume(name, "failed", error=away) for name in ("wiki", "git")]

    tables.backup(Screen(), msgspec.structs.replace(backup_report(STORED, REFUSED), volumes=(stored, *lost)))

    said = log_lines(capsys.readouterr().out)
    assert said[0].startswith("costs: kind database, verdict passed, raw 8.0 MB")
    assert said[2] == (
        "Site_data: kind volume, verdict passed, raw 9.0 MB, took 0.0 s, stored as volumes/2026-05-05/Site_data.tar.gz"
    )
    assert said[-3:] == [
        "hivemind: /db/hivemind.db: no such file",
        f"wiki and git: {away}",
        "backup FAILED: hivemind, wiki and git could not be backed up, 2 of 5 stored in 3.5 s",
    ]


def test_a_log_tells_every_point_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    damaged = msgspec.structs.replace(NEWEST, error="its metadata does not read")
    tables.listing(Screen(), Listing((NEWEST, FORMER, damaged)), NOON + timedelta(hours=5))

    taken = "costs: taken 2026-05-05T12:00:00.000Z, age 5 h, gzip 1.5 MB"
    assert log_lines(capsys.readouterr().out) == [
        f"{taken}, added +64.0 kB, raw 8.0 MB, rows 12,345, sha256 abababababab",
        f"{taken}, note earlier that day: use --at",
        f"{taken}, added +64.0 kB, raw 8.0 MB, rows 12,345, sha256 abababababab, note its metadata does not read",
        "3 points in time",
    ]


def test_a_log_tells_volumes_beside_databases(capsys: pytest.CaptureFixture[str]) -> None:
    tables.listing(Screen(), Listing((NEWEST, msgspec.structs.replace(VOLUME, current=False))), NOON)

    told = "taken 2026-05-05T12:00:00.000Z, age 0 s, gzip 1.5 MB, added +64.0 kB, raw 8.0 MB, rows or files 12,345"
    assert log_lines(capsys.readouterr().out) == [
        f"costs: kind database, {told}, sha256 abababababab",
        f"grafana-data: kind volume, {told}, sha256 abababababab, "
        "note 2 in it changed while it was read; earlier that day: use --at",
        "2 points in time",
    ]


def test_an_empty_store_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    tables.listing(Screen(), Listing(()), NOON, ["costs", "hivemind"])

    assert log_lines(capsys.readouterr().out) == [
        "the store holds no backup of costs and hivemind; make one: invoke backup",
        "0 points in time",
    ]


def test_a_list_names_the_databases_that_have_no_backup(capsys: pytest.CaptureFixture[str]) -> None:
    tables.listing(Screen(), Listing((NEWEST,)), NOON, ["costs", "hivemind"])

    assert log_lines(capsys.readouterr().out)[1:] == [
        "the store holds no backup of hivemind; make one: invoke backup",
        "1 point in time",
    ]


def test_a_log_tells_a_drills_steps_its_rows_and_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    tables.drill(Screen(), drill_report("passed", drilled("passed", *PASSED_STEPS, rows=COUNTS)))

    steps = ", ".join(f"{name} ✓ 0.25 s" for name in STEPS)
    assert log_lines(capsys.readouterr().out) == [
        f"costs: verdict passed, backup's age 3 h, {steps}, counted 1,234 rows in 2 tables",
        "drill passed: 1 of 1 can be brought back (local, on ANVIL, SQLite 3.40.1, 0.5 s)",
    ]


def test_shadow_tables_are_told_apart_from_the_applications_own(capsys: pytest.CaptureFixture[str]) -> None:
    tree = {f"places_{ending}": RowCount(9, 9, None) for ending in ("node", "rowid", "parent")}
    rows = {**COUNTS, "runs_content": RowCount(1, 1, None), "places": RowCount(100, 100, None), **tree}

    tables.drill(Screen(), drill_report("passed", drilled("passed", *PASSED_STEPS, rows=rows)))

    assert log_lines(capsys.readouterr().out)[0].endswith("counted 1,335 rows in 4 tables, 3 shadow tables")


def test_a_step_that_failed_is_told_in_full_and_those_after_it_did_not_happen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = (Step("download", "passed", 0.1), Step("checksum", "failed", 0.2, "the archive's SHA-256 is another"))
    tables.drill(Screen(), drill_report("failed", drilled("failed", *steps)))

    lines = log_lines(capsys.readouterr().out)
    assert "download ✓ 0.10 s, checksum ✗ 0.20 s, decompress –, integrity –, rows –" in lines[0]
    assert lines[1] == "costs: checksum: the archive's SHA-256 is another"
    assert lines[2].startswith("drill FAILED: costs failed the drill, 0 of 1 can be brought back (local, on ANVIL")


def test_a_volume_is_told_beside_the_databases_with_its_files_and_its_databases_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = {"files": 7, "bytes": 38_000, "a.db: f": 2, "a.db: f_data": 3, "a.db: f_idx": 3, "a.db: f_config": 3}
    rows = {name: RowCount(count, count, None) for name, count in counts.items()}
    volume = msgspec.structs.replace(drilled("passed", *PASSED_STEPS, rows=rows), name="files")
    report = drill_report("passed", drilled("passed", *PASSED_STEPS, rows=COUNTS))
    tables.drill(Screen(), msgspec.structs.replace(report, volumes=(volume,)))
    lines = log_lines(capsys.readouterr().out)
    assert lines[0].startswith("costs: kind database, verdict passed")
    assert lines[1].startswith("files: kind volume, verdict passed")
    assert lines[1].endswith("counted 7 files, 38.0 kB, 2 rows in 1 table, 3 shadow tables")
    assert lines[2].startswith("drill passed: 2 of 2 can be brought back")
    begun = msgspec.structs.replace(volume, verdict="failed", steps=PASSED_STEPS[:1], rows={})
    tables.drill(Screen(), msgspec.structs.replace(report, volumes=(begun,)))
    assert "counted" not in log_lines(capsys.readouterr().out)[1]


def test_a_drill_that_fell_back_says_why_and_one_that_proved_nothing_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_step = Step("download", "inconclusive", 0.0, "the store did not answer")
    report = drill_report("inconclusive", drilled("inconclusive", open_step), fallback="the VM is deallocated")
    tables.drill(Screen(), report)

    lines = log_lines(capsys.readouterr().out)
    assert "download ? 0.00 s" in lines[0]
    assert "ran here instead of on the VM: the VM is deallocated" in lines
    assert lines[-1].startswith("drill INCONCLUSIVE: costs could not be drilled, 0 of 1 proven (local, on ANVIL")


SHOWN = {
    "backup": lambda: tables.backup(Screen(), backup_report(STORED, REFUSED)),
    "listing": lambda: tables.listing(Screen(), Listing((NEWEST, FORMER)), NOON),
    "both": lambda: tables.listing(Screen(), Listing((NEWEST, VOLUME)), NOON),
    "drill": lambda: tables.drill(Screen(), drill_report("passed", drilled("passed", *PASSED_STEPS, rows=COUNTS))),
}


@pytest.mark.parametrize("columns", [60, 80, 120, 200], indirect=True)
@pytest.mark.parametrize(
    ("kind", "copied", "ending"),
    [
        ("backup", [BLOB, "costs", "hivemind"], "backup FAILED: "),
        ("listing", ["costs", "2026-05-05T12:00:00.000Z"], "2 points in time"),
        ("both", ["costs", "grafana-data", "2026-05-05T12:00:00.000Z"], "2 points in time"),
        ("drill", ["costs"], "drill passed: 1 of 1"),
    ],
)
def test_what_a_person_must_copy_is_never_cut(
    kind: str, copied: list[str], ending: str, on_terminal: Show, columns: int
) -> None:
    lines = without_colours(on_terminal(SHOWN[kind]))

    words = {word.strip(",:") for line in lines for word in line.split()}
    assert words.issuperset(copied)
    assert max(map(len, lines)) <= columns
    assert [line for line in lines if not line.startswith(" ")][-1].startswith(ending)


@pytest.mark.parametrize("columns", [60, 80, 120, 200], indirect=True)
def test_steps_become_marks_with_a_legend_where_there_is_no_room(on_terminal: Show, columns: int) -> None:
    steps = (Step("download", "passed", 0.1), Step("checksum", "failed", 0.2, "the archive's SHA-256 is another"))
    databases = (drilled("passed", *PASSED_STEPS, rows=COUNTS), drilled("failed", *steps))

    lines = without_colours(on_terminal(lambda: tables.drill(Screen(), drill_report("failed", *databases))))

    assert any("✓✓✓✓✓" in line for line in lines) is (columns < 120)
    assert any("✓✗–––" in line for line in lines) is (columns < 120)
    legend = " ".join(" ".join(lines).split())
    folded = f"steps: {', '.join(STEPS)} ✓ passed ✗ failed ? not carried out – not begun"
    assert (folded in legend) is (columns < 120)


@pytest.mark.parametrize("columns", [60, 80, 120, 200], indirect=True)
def test_a_list_says_what_it_had_no_room_for(on_terminal: Show, columns: int) -> None:
    told = " ".join(without_colours(on_terminal(SHOWN["listing"])))

    assert ("abababababab" in told) is (columns >= 120)
    assert ("no room here for" in told) is (columns < 120)


@pytest.mark.parametrize("columns", [200], indirect=True)
@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("backup", f"costs passed 8.0 MB 1.5 MB 64.0 kB 12.3% 3.2 s {BLOB}"),
        ("listing", "costs 2026-05-05T12:00:00.000Z 0 s 1.5 MB +64.0 kB 8.0 MB 12,345 abababababab"),
        ("drill", f"costs passed 3 h {'✓ 0.25 s ' * 5}1,234 rows in 2 tables"),
    ],
)
def test_a_wide_terminal_has_one_line_for_each_row(kind: str, row: str, on_terminal: Show) -> None:
    lines = [" ".join(line.split()) for line in without_colours(on_terminal(SHOWN[kind]))]

    assert row in lines
