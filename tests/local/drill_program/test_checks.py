"""What an application claims of its data is judged by SQLite, and a check can do nothing but read."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.drill.order import DatabaseTarget, database_orders
from local.drill_program.checks import CheckAnswer, CheckRunner
from local.drill_program.steps import open_restored
from local.drill_program.tables import count_tables
from local.drill_program.work import Stop
from tests.support.drill_archives import (
    drilled,
    drilled_here,
    ending,
    ending_here,
    make_database,
    members,
    target_of,
    unrecorded,
)

TIME = "2026-05-05T12:00:00.000Z"
FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
ONE_LONG_CALL = "SELECT instr(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b')"
SCRIPT = """
    CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT, created_at TEXT);
    INSERT INTO tasks(title, created_at) VALUES ('a', '2026-05-04 08:00:00'), ('b', '2026-05-01 08:00:00');
    CREATE VIEW titles AS SELECT title FROM tasks;
    CREATE VIRTUAL TABLE words USING fts5(text);
    INSERT INTO words VALUES ('hello world');
    CREATE VIRTUAL TABLE boxes USING rtree(id, low, high);
    INSERT INTO boxes VALUES (1, 2, 3);
"""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_database(tmp_path_factory.mktemp("claims") / "tasks.db", SCRIPT).read_bytes()


@pytest.fixture
def connection(tmp_path: Path, content: bytes) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "restored.db"
    path.write_bytes(content)
    with closing(open_restored(path, Stop())) as opened:
        count_tables(opened)
        yield opened


def answers(connection: sqlite3.Connection, seconds: float = 20, **checks: str) -> dict[str, CheckAnswer]:
    return dict(CheckRunner(connection, TIME, seconds, Stop()).run(checks).by_name)


TRUTH = {
    "SELECT 1": True,
    "SELECT -1": True,
    "SELECT 0.5": True,
    "SELECT 9e999": True,
    "SELECT '1x'": True,
    "SELECT x'31'": True,
    "SELECT 'abc'": False,
    "SELECT ''": False,
    "SELECT 0": False,
    "SELECT 0.0": False,
    "SELECT '0'": False,
    "SELECT x'00'": False,
    "SELECT NULL": False,
    "SELECT 1 WHERE 0": False,
    "SELECT CAST(x'ff31' AS TEXT)": False,
    "SELECT 0, 1": False,
    "VALUES (1), (0)": True,
    "SELECT 1; -- and no more": True,
    "SELECT max(created_at) > datetime(:backup_time, '-7 days') FROM tasks": True,
    "SELECT max(created_at) > datetime(:backup_time, '-1 day') FROM tasks": False,
    "SELECT :backup_time = '2026-05-05 12:00:00'": True,
    "SELECT count(*) = 2 FROM titles": True,
    "SELECT count(*) = 1 FROM words WHERE words MATCH 'hello'": True,
    "SELECT bm25(words) < 0 FROM words WHERE words MATCH 'world'": True,
    "SELECT count(*) = 1 FROM boxes WHERE low < 3": True,
    "SELECT sum(value) = 3 FROM json_each('[1, 2]')": True,
    "SELECT count(*) > 0 FROM sqlite_master": True,
}


@pytest.mark.parametrize(("sql", "holds"), TRUTH.items())
def test_sqlite_judges_the_truth_of_the_first_value(connection: sqlite3.Connection, sql: str, holds: bool) -> None:
    assert answers(connection, it=sql)["it"].holds is holds


NOT_RUN = {
    "SELECT missing FROM tasks": "no such column: missing",
    "SELECT 1 FROM missing": "no such table: missing",
    "SELECT no_such_thing(1)": "no such function",
    "SELECT load_extension('x') FROM tasks": "refused: the function load_extension",
    "SELECT count(*) FROM tasks, pragma_user_version": "refused: PRAGMA user_version",
    "WITH a AS (SELECT 1) DELETE FROM tasks": "refused",
    "WITH a AS (SELECT 1) INSERT INTO words SELECT 'x'": "refused",
    "WITH a AS (SELECT 1) UPDATE sqlite_master SET sql = ''": "may not be modified",
    "SELECT 1; DELETE FROM tasks": "more than one statement",
    "PRAGMA query_only=off": "begins with PRAGMA",
    "SELECT json('{')": "malformed JSON",
    "SELECT length(randomblob(900000000))": "256 MB",
    "SELECT length(printf('%900000000s', 'x'))": "256 MB",
}


@pytest.mark.parametrize(("sql", "why"), NOT_RUN.items())
def test_what_sqlite_cannot_or_may_not_run_is_not_known(connection: sqlite3.Connection, sql: str, why: str) -> None:
    found = answers(connection, it=sql, next="SELECT count(*) = 2 FROM tasks")
    assert found["it"].holds is None
    assert why in found["it"].why
    assert found["next"].holds


def test_a_check_that_takes_too_long_is_not_known_and_the_next_is_evaluated(connection: sqlite3.Connection) -> None:
    found = CheckRunner(connection, TIME, 0.5, Stop()).run({"for ever": FOR_EVER, "next": "SELECT 1"})
    assert found.by_name["for ever"] == CheckAnswer(None, "it takes longer than 0.5 s")
    assert found.hung or found.by_name["next"].holds


def claiming(archive: Path, content: bytes, checks: dict[str, str], **changes: object) -> DatabaseTarget:
    return dataclasses.replace(target_of(archive, members(content), content), checks=checks, **changes)  # type: ignore[arg-type]


ODD_NAME = 'Tom\'s "tasks" ü; --'
VERDICTS: dict[str, tuple[dict[str, str], str, str, dict[str, bool | None]]] = {
    "all hold": ({ODD_NAME: "SELECT 1", "b": "SELECT 2"}, "passed", "", {ODD_NAME: True, "b": True}),
    "one is false": (
        {"a": "SELECT 1", ODD_NAME: "SELECT 0", "c": "SELECT x"},
        "failed",
        f"check {ODD_NAME!r} does not hold: it is false",
        {"a": True, ODD_NAME: False, "c": None},
    ),
    "one cannot run": (
        {"a": "SELECT 1", "b": "SELECT no_such_thing(1)"},
        "inconclusive",
        f"check 'b' could not be evaluated: SQLite {sqlite3.sqlite_version} here says: no such function: no_such_thing",
        {"a": True, "b": None},
    ),
}


@pytest.mark.parametrize("case", VERDICTS.values(), ids=VERDICTS.keys())
def test_the_rows_step_ends_as_its_checks_do(
    tmp_path: Path, archive: Path, content: bytes, case: tuple[dict[str, str], str, str, dict[str, bool | None]]
) -> None:
    checks, verdict, detail, told = case
    (order,) = database_orders([claiming(archive, content, checks)])
    found = drilled_here(order, tmp_path).result(brief=False)
    assert found["steps"][-1][:2] == ["rows", verdict]
    assert found["steps"][-1][3] == detail
    assert found["checks"] == told


def test_no_check_is_evaluated_where_the_counts_are_wrong(tmp_path: Path, archive: Path, content: bytes) -> None:
    (order,) = database_orders([claiming(archive, content, {"a": "SELECT 0"}, minimum={"tasks": 3})])
    found = drilled_here(order, tmp_path).result(brief=True)
    assert found["steps"][-1][1] == "failed"
    assert found["checks"] is None


def test_checks_that_hold_take_no_room_in_the_result(tmp_path: Path, archive: Path, content: bytes) -> None:
    (order,) = database_orders([claiming(archive, content, {"a": "SELECT 1"})])
    assert "checks" not in drilled_here(order, tmp_path).result(brief=True)


def test_a_check_of_the_time_is_inconclusive_where_nobody_knows_it(
    tmp_path: Path, archive: Path, content: bytes
) -> None:
    target = unrecorded(claiming(archive, content, {"a": "SELECT :backup_time > ''"}), backup_time=None)
    assert "the snapshot's time is not known" in ending_here(tmp_path, target)[2]


def test_a_single_call_that_never_returns_is_left_alone_after_its_time(
    temp: Path, archive: Path, content: bytes
) -> None:
    """SQLite asks nobody within a call: its thread is given up, and ends with the process."""
    target = claiming(archive, content, {"long": ONE_LONG_CALL, "next": "SELECT 1"}, check_seconds=1.0)
    found = drilled(temp, target)
    assert ending(found) == ("rows", "inconclusive")
    assert found.checks == {"long": None, "next": None}
    assert "check 'long' could not be evaluated: it takes longer than 1 s" in found.steps[-1].detail
