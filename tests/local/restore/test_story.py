"""The worst day of mission-control: 10,797 tasks, a Node program that has it open, a writer, and a stale -wal."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shlex import quote

import msgspec
import pytest

from local.errors import ConfigError, InconclusiveError
from local.events import Event, Watch, unwatched
from local.restore import in_place
from local.restore.live_order import carry_out_order, order_in_place
from local.restore.request import RestoreOptions, read_request
from local.restore.result import RestoreReport
from local.restore.to_new import restore_to_new
from local.settings import Database, RestoreSettings, Settings
from tests.support.live_writer import live_writer
from tests.support.restores import lone_archive, settings_of
from tests.support.workshop import Workshop, make_database

NAME = "mission-control"
TASKS = 10_797
PROGRAM = Path(__file__).parents[2] / "support/mc.js"


@contextmanager
def node_program(path: Path) -> Iterator[Callable[[], int]]:
    """A Node program that has the database open; the function asks it for its number of tasks."""
    command = ["node", str(PROGRAM), "serve", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def tasks() -> int:
            assert process.stdin
            assert process.stdout
            process.stdin.write("count\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        try:
            yield tasks
        finally:
            process.communicate()


def tasks_in(path: Path) -> int:
    """The tasks that whoever opens the database now finds."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT count(*) FROM tasks").fetchone()[0])


def lose_tasks(path: Path, left: int) -> None:
    """What a person does by mistake."""
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        connection.execute("DELETE FROM tasks WHERE id > ?", (left,))


def test_the_day_on_which_half_of_the_tasks_are_gone_while_programs_go_on(folder_workshop: Workshop) -> None:
    live = folder_workshop.root / "mission control.db"
    make_database(live, TASKS)
    folder_workshop.add(NAME, live, rows={"tasks": 10_000})
    folder_workshop.databases[NAME]["probe"] = f"node {quote(str(PROGRAM))} list {quote(str(live))}"
    with live_writer(live, rate=50) as writer, node_program(live) as tasks:
        assert folder_workshop.invoke("backup").returncode == 0
        lose_tasks(live, 5000)
        assert tasks() == 5000

        checked = folder_workshop.document("restore", NAME, "--live", "--check")
        assert (checked["restore"]["check"], checked["restore"]["verdict"]) == (True, "passed")
        assert checked["rows"]["tasks"] == {"before": 5000, "restored": TASKS}
        assert any(holder.startswith("sqlite3 (process ") for holder in checked["plan"]["holders"])
        assert tasks() == 5000

        restored = folder_workshop.document("restore", NAME, "--live", "--yes")
        assert restored["restore"]["verdict"] == "passed", restored
        assert "check" not in restored["restore"]
        assert (restored["probe"]["exit_code"], restored["probe"]["output"].split()[-2:]) == (0, [str(TASKS), "tasks"])
        assert tasks() == TASKS
        assert tasks_in(Path(restored["restore"]["kept"])) == 5000
        writer.wait_for(writer.commits + 5)

        done = folder_workshop.invoke("restore", NAME, "--rollback", "--yes")
        assert done.returncode == 0, done.stderr
        assert tasks() == 5000
        writer.wait_for(writer.commits + 5)
    assert len(list(live.parent.glob("mission control.db.pre-restore-*"))) == 2
    assert list(live.parent.glob("*.pillar9-*")) == []


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """The live database, of which an archive was made; then all but 40 tasks were lost."""
    path = tmp_path / "live/mission-control.db"
    path.parent.mkdir()
    make_database(path, TASKS)
    lone_archive(tmp_path, path.read_bytes(), NAME)
    lose_tasks(path, 40)
    return path


def configured(tmp_path: Path, probe: str | None = None, least: int = 10_000) -> Settings:
    """The one database, its floor and its probe."""
    path = tmp_path / "live/mission-control.db"
    return settings_of(tmp_path, Database(name=NAME, path=path, rows={"tasks": least}, probe=probe))


def claiming(tmp_path: Path, name: str, sql: str) -> Settings:
    """The same with a check of the application's."""
    (database,) = configured(tmp_path).databases
    return settings_of(tmp_path, msgspec.structs.replace(database, checks={name: sql}))


def restored(tmp_path: Path, settings: Settings, watch: Watch = unwatched) -> RestoreReport:
    """`restore --live --from` the archive, to its end."""
    request = read_request(RestoreOptions(NAME, from_=str(tmp_path / f"{NAME}.db.gz"), live=True))
    order = order_in_place(settings, request, unwatched)
    in_place.require(order.preview)
    return carry_out_order(order, settings, watch)


def test_a_wal_of_another_moment_that_lies_there_is_not_replayed(live: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(live, isolation_level=None)) as connection:
        connection.execute("UPDATE tasks SET title = 'out of the stale -wal'")
        shutil.copyfile(f"{live}-wal", tmp_path / "stale")
    shutil.copyfile(tmp_path / "stale", f"{live}-wal")

    report = restored(tmp_path, configured(tmp_path))

    assert report.restore.verdict == "passed", report
    assert tasks_in(live) == TASKS
    with closing(sqlite3.connect(live)) as connection:
        assert connection.execute("SELECT count(*) FROM tasks WHERE title LIKE 'out%'").fetchone() == (0,)


def without_file(live: Path) -> None:
    live.unlink()


def damaged(live: Path) -> None:
    live.write_bytes(b"this was a database" * 100)
    Path(f"{live}-wal").write_bytes(b"and this its -wal")


def emptied(live: Path) -> None:
    live.write_bytes(b"")


@pytest.mark.parametrize("harm", [without_file, damaged, emptied])
def test_a_live_database_that_is_none_any_more_is_restored_too(
    live: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(live)
    before = {path.name: path.read_bytes() for path in live.parent.iterdir()}

    report = restored(tmp_path, configured(tmp_path))

    assert report.restore.verdict == "passed", report
    assert tasks_in(live) == TASKS
    assert (report.rows["tasks"].before, report.rows["tasks"].restored) == (None, TASKS)
    if report.restore.kept:
        assert Path(report.restore.kept).read_bytes() == before[live.name]
    assert not report.restore.can_be_undone


def test_no_rollback_is_begun_to_a_copy_that_is_no_database(live: Path, tmp_path: Path) -> None:
    damaged(live)
    report = restored(tmp_path, configured(tmp_path))
    with pytest.raises(InconclusiveError, match=r"cannot be gone back to, .*pre-restore-\d+: file is not a database"):
        rolled_back(configured(tmp_path))
    assert tasks_in(live) == TASKS
    assert Path(str(report.restore.kept)).exists()


def test_a_wal_without_its_database_is_kept_and_told(live: Path, tmp_path: Path) -> None:
    live.unlink()
    Path(f"{live}-wal").write_bytes(b"all that is left")
    heard: list[Event] = []

    report = restored(tmp_path, configured(tmp_path), heard.append)

    assert (report.restore.verdict, report.restore.kept, tasks_in(live)) == ("passed", None, TASKS)
    (told,) = (event.text for event in heard if event.lasting)
    (kept,) = live.parent.glob("*.pre-restore-*-wal")
    assert (told, kept.read_bytes()) == (f"kept: {kept}", b"all that is left")


@pytest.mark.parametrize("probe", ["no-such-program-here", "./no-such-program", "/"])
def test_a_probe_that_cannot_be_started_is_told_before_anything_is_touched(
    live: Path, tmp_path: Path, probe: str
) -> None:
    before = {path: path.read_bytes() for path in live.parent.iterdir()}
    with pytest.raises(InconclusiveError, match=r"probe cannot be started.*; nothing was touched") as refused:
        restored(tmp_path, configured(tmp_path, probe))
    assert f"the probe of {NAME}" in refused.value.mend
    assert {path: path.read_bytes() for path in live.parent.iterdir()} == before


def test_a_probe_that_fails_brings_the_former_content_back(live: Path, tmp_path: Path) -> None:
    report = restored(tmp_path, configured(tmp_path, "sh -c 'echo no such task; exit 7'"))

    assert (report.restore.verdict, report.restore.rolled_back) == ("failed", True)
    assert "ended with 7" in str(report.restore.reason)
    assert report.probe
    assert tasks_in(live) == 40


def test_a_check_of_the_application_that_does_not_hold_of_the_live_database_rolls_back(
    live: Path, tmp_path: Path
) -> None:
    """A program writes right after the replacement, so that the live database is no longer the proven copy."""
    settings = configured(tmp_path)
    database = msgspec.structs.replace(
        settings.databases[0], checks={"all are here": f"SELECT count(*) = {TASKS} FROM tasks"}
    )
    settings = msgspec.structs.replace(settings, databases=(database,))

    def lose_one(event: Event) -> None:
        if event.text == "check the live database":
            lose_tasks(live, TASKS - 1)

    report = restored(tmp_path, settings, lose_one)

    assert (report.restore.verdict, report.restore.rolled_back) == ("failed", True)
    assert report.restore.reason == "check 'all are here' does not hold: it is false"
    assert tasks_in(live) == 40
    assert report.restore.kept_meanwhile
    assert restored(tmp_path, settings).restore.verdict == "passed"


def test_a_check_that_does_not_hold_of_the_backup_restores_nothing_to_a_file_either(live: Path, tmp_path: Path) -> None:
    settings = claiming(tmp_path, "none", "SELECT count(*) = 0 FROM tasks")
    target = tmp_path / "look.db"
    request = read_request(RestoreOptions(NAME, to=str(target), from_=str(tmp_path / f"{NAME}.db.gz")))

    report = restore_to_new(settings, request, unwatched)

    assert (report.restore.verdict, report.steps[-1].name) == ("failed", "rows")
    assert report.restore.reason == "check 'none' does not hold: it is false"
    assert list(tmp_path.glob("look.db*")) == []
    assert restore_to_new(configured(tmp_path), request, unwatched).restore.verdict == "passed"
    assert (tasks_in(target), tasks_in(live)) == (TASKS, 40)


def test_nothing_is_touched_for_a_backup_that_fails_its_drill(live: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in live.parent.iterdir()}
    report = restored(tmp_path, configured(tmp_path, least=TASKS + 1))
    assert (report.restore.verdict, report.steps[-1].name, report.restore.kept) == ("failed", "rows", None)
    assert f"its floor is {TASKS + 1}" in str(report.restore.reason)
    assert {path: path.read_bytes() for path in live.parent.iterdir()} == before


def test_a_check_changes_nothing_and_tells_what_would_be_lost(live: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.execute("INSERT INTO notes VALUES ('written since')")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in live.parent.iterdir()}
    request = read_request(RestoreOptions(NAME, from_=str(tmp_path / f"{NAME}.db.gz"), live=True))

    shown = order_in_place(configured(tmp_path), request, unwatched).preview

    rows = {name: (row.before, row.restored) for name, row in shown.rows.items()}
    assert rows == {"tasks": (40, TASKS), "empty": (0, 0), "notes": (1, None)}
    assert shown.plan
    assert (shown.plan.found, shown.plan.refusal) == ("sound, wal mode", None)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in live.parent.iterdir()} == before


def test_a_wal_database_of_another_page_size_that_a_program_has_open_is_refused_and_the_program_named(
    live: Path, tmp_path: Path
) -> None:
    live.unlink()
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
    with live_writer(live), pytest.raises(InconclusiveError, match=r"pages of 8192 bytes.*open in: \w+.*process \d+"):
        restored(tmp_path, configured(tmp_path))


def test_a_database_that_is_not_configured_has_no_live_path(live: Path, tmp_path: Path) -> None:
    elsewhere = settings_of(tmp_path, Database(name="costs", path=live))
    with pytest.raises(ConfigError, match="nobody knows where it lies") as refused:
        restored(tmp_path, elsewhere)
    assert f"invoke restore {NAME}" in refused.value.mend
    with pytest.raises(ConfigError, match="nobody knows where it lies"):
        in_place.order_rollback(elsewhere, NAME)
    with pytest.raises(ConfigError, match="no copy"):
        in_place.order_rollback(elsewhere, "costs")


def rolled_back(settings: Settings) -> RestoreReport:
    """`restore --rollback`, to its end."""
    order = in_place.order_rollback(settings, NAME)
    in_place.require(order.preview)
    return in_place.carry_back(order, settings, unwatched)


def test_a_rollback_tells_both_counts_and_can_itself_be_undone(live: Path, tmp_path: Path) -> None:
    settings = msgspec.structs.replace(configured(tmp_path, "true"), restore=RestoreSettings(keep_copies=2))
    restored(tmp_path, settings)
    for before, after in ((TASKS, 40), (40, TASKS)):
        report = rolled_back(settings)
        found = (report.rows["tasks"].before, report.rows["tasks"].restored)
        assert (report.restore.verdict, found) == ("passed", (before, after))
        assert report.probe
        assert tasks_in(live) == after
    assert len(report.restore.surplus) == 1
    assert Path(report.restore.surplus[0]).exists()
