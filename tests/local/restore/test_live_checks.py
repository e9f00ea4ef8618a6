"""What must hold of a live database after a restore."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.restore.live_checks import LiveChecks, claims_problem, database_problem, floor_problem
from local.settings import Database
from tests.support.drill_archives import make_database

FLOORS: list[tuple[dict[str, int], dict[str, int], str | None]] = [
    ({"tasks": 10}, {}, None),
    ({"tasks": 10}, {"tasks": 10}, None),
    ({"tasks": 10}, {"TASKS": 11}, "tasks has 10 rows, its floor is 11"),
    ({}, {"tasks": 0}, "tasks has 0 rows, its floor is 0"),
    ({"a": 1, "b": 0}, {"a": 1, "b": 1, "c": 1}, "b has 0 rows, its floor is 1; c has 0 rows, its floor is 1"),
]


@pytest.mark.parametrize(("counted", "minimum", "told"), FLOORS)
def test_each_table_below_its_floor_is_told(counted: dict[str, int], minimum: dict[str, int], told: str | None) -> None:
    assert floor_problem(counted, minimum) == told


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_sound_database_has_no_problem_also_while_another_has_it_open(tmp_path: Path, mode: str) -> None:
    path = make_database(tmp_path / "live.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode={mode}")
        other.execute("SELECT count(*) FROM tasks").fetchone()
        assert database_problem(path, {"tasks": 3000}) is None
        assert database_problem(path, {"tasks": 3001}) == "tasks has 3000 rows, its floor is 3001"


def test_no_database_at_all_is_told_and_none_is_made(tmp_path: Path) -> None:
    assert str(database_problem(tmp_path / "none.db", {})).startswith("the live database cannot be read: ")
    assert not (tmp_path / "none.db").exists()


CLAIMS: list[tuple[str, str | None]] = [
    ("SELECT count(*) = 3000 FROM tasks", None),
    ("SELECT :backup_time = '2026-05-05 12:00:00'", None),
    ("SELECT count(*) > 3000 FROM tasks", "check 'many' does not hold: it is false"),
    ("SELECT no_such FROM tasks", "check 'many' could not be evaluated: SQLite"),
]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_applications_checks_are_evaluated_on_it_and_leave_nothing_beside_it(tmp_path: Path, mode: str) -> None:
    path = make_database(tmp_path / "live.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    for sql, told in CLAIMS:
        found = claims_problem(path, {"many": sql}, "2026-05-05T12:00:00.000Z")
        assert (found or "").startswith(told or ""), sql
        assert bool(found) == bool(told), sql
    assert [each.name for each in tmp_path.iterdir()] == ["live.db"]


def test_the_probe_is_asked_last_and_what_it_said_first_is_kept(tmp_path: Path) -> None:
    path = make_database(tmp_path / "live.db")
    board = tmp_path / "asked"
    probe = f"sh -c 'test ! -e {board} && touch {board}'"
    checks = LiveChecks(Database(name="costs", path=path, rows={"tasks": 3001}, probe=probe), 60)
    assert checks.of_restored(path) == "tasks has 3000 rows, its floor is 3001"
    assert checks.probed is None
    assert checks.of_former(path) is None
    assert checks.of_former(path) == "the probe failed: it ended with 1"
    assert checks.probed
    assert checks.probed.passed
