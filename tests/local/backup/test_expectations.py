"""A floor or a check that the snapshot does not meet is told at the backup, which passes all the same."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from local.backup.expectations import CheckProcess, evaluated, floor_warnings
from local.drill_program.checks import CheckAnswer
from local.settings import Database
from tests.support.workshop import Workshop, make_database

TAKEN = datetime(2026, 5, 5, 12, tzinfo=UTC)
FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.mark.parametrize(
    ("minimum", "told"),
    [
        ({}, []),
        ({"tasks": 5}, []),
        ({"TASKS": 5}, []),
        ({"tasks": 6}, ["'tasks' has 5 rows, its floor is 6"]),
        ({"taks": 0}, ["no table 'taks' that can be counted (did you mean 'tasks'?)"]),
        ({"taks": 0, "notes": 1}, ["'taks'", "'notes' has 0 rows"]),
        ({"entirely": 1}, ["no table 'entirely' that can be counted;"]),
    ],
)
def test_a_floor_that_is_not_met_is_told(minimum: dict[str, int], told: list[str]) -> None:
    warnings = floor_warnings(minimum, {"tasks": 5, "notes": 0})
    assert len(warnings) == len(told)
    assert all(part in text for part, text in zip(told, warnings, strict=True))


def snapshot_of(folder: Path) -> Path:
    path = folder / "snapshot ü %20.db"
    make_database(path, 5)
    return path


def test_checks_are_evaluated_on_a_snapshot_beside_which_nothing_appears(tmp_path: Path) -> None:
    checks = {"a b": "SELECT count(*) = 5 FROM tasks", "b": "SELECT :backup_time = '2026-05-05 12:00:01'"}
    path = snapshot_of(tmp_path)
    with evaluated(Database(name="x", path=path, checks=checks), path, TAKEN) as evaluate:
        answers = evaluate(lambda: None)
    assert answers == {"a b": CheckAnswer(True), "b": CheckAnswer(False, "it is false")}
    assert list(tmp_path.iterdir()) == [path]


class _StoppedError(Exception):
    pass


def test_a_check_that_runs_for_ever_ends_with_the_run_that_waits_for_it(tmp_path: Path) -> None:
    path = snapshot_of(tmp_path)

    def stop() -> None:
        assert psutil.Process().children()
        raise _StoppedError

    def wait_for_it() -> None:
        with evaluated(Database(name="x", path=path, checks={"a": FOR_EVER}), path, TAKEN) as evaluate:
            evaluate(stop)

    before = psutil.Process().children()
    with pytest.raises(_StoppedError):
        wait_for_it()
    assert psutil.Process().children() == before


def test_without_a_process_to_be_had_the_checks_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = snapshot_of(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with evaluated(Database(name="x", path=path, checks={"a": "SELECT 1"}), path, TAKEN) as evaluate:
        assert "no process could be started" in evaluate(lambda: None)["a"].why


def test_who_asks_before_it_has_begun_hears_it_all_the_same(tmp_path: Path) -> None:
    path = snapshot_of(tmp_path)
    process = CheckProcess({"a": "SELECT 1"}, f"{path.as_uri()}?mode=ro", None)
    try:
        process.has_ended(0.0)
        assert process.has_ended(60.0)
    finally:
        process.end()
    assert process.answers(lambda: None) == {"a": CheckAnswer(True, "")}


def test_a_process_that_dies_leaves_its_checks_unknown(tmp_path: Path) -> None:
    path = snapshot_of(tmp_path)
    process = CheckProcess({"a": FOR_EVER}, f"{path.as_uri()}?mode=ro", None)
    process.process.kill()
    found = process.answers(lambda: None)
    process.end()
    assert found == {"a": CheckAnswer(None, "their process ended with -9")}


def test_what_is_no_database_leaves_its_checks_unknown(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    path.write_bytes(b"none" * 1000)
    with evaluated(Database(name="x", path=path, checks={"a": "SELECT 1"}), path, TAKEN) as evaluate:
        assert "cannot count the tables" in evaluate(lambda: None)["a"].why


def test_the_backup_passes_and_tells_them_again_when_nothing_changed(folder_workshop: Workshop) -> None:
    folder_workshop.add("shop", rows={"taks": 1})
    checks = {"of today": "SELECT :backup_time > date('now', '-2 days')", "none": "SELECT count(*) = 0 FROM tasks"}
    folder_workshop.databases["shop"]["checks"] = checks
    for _ in range(2):
        done = folder_workshop.invoke("backup", "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["backup"]["verdict"] == "passed"
        assert "shop: rows: it has no table 'taks' that can be counted (did you mean 'tasks'?)" in done.stderr
        assert "shop: check 'none' does not hold: it is false" in done.stderr
        assert "of today" not in done.stderr
    folder_workshop.databases["shop"]["rows"] = {}
    drill = folder_workshop.invoke("drill.local")
    assert drill.returncode == 1
    assert "shop: check 'of today': holds" in drill.stdout
    assert "shop: check 'none': DOES NOT HOLD" in drill.stdout
