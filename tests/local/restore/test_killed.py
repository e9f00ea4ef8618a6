"""A restore or rollback that ends anywhere: the next command finds the old database or the new one, and tidies up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.restore.recover import recover
from tests.local.restore.databases import FORMER_ROWS, RESTORED_ROWS, look_at, make, names, proven
from tests.local.restore.killed_runs import LIVE
from tests.support.file_faults import cases

RUNS = "tests.local.restore.killed_runs"
WRITTEN_ROWS = RESTORED_ROWS + 1
# The short suite ends a run at some of its operations, the long one at each.
STRIDES = [7, pytest.param(1, marks=pytest.mark.long)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "live").mkdir(parents=True)
    proven(made / "private")
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "cases"
    made.mkdir()
    return made


def assert_tidy(live: Path) -> None:
    """Nothing but the database, whose sidecars may be there, and whole copies of it."""
    for name in names(live.parent):
        if name == f"{live.name}-journal":
            # SQLite's own, of a transaction that had not begun to write: one without a header is never rolled back.
            assert not any(live.with_name(name).read_bytes()[:8])
            continue
        kept = name.partition(".pre-restore-")
        if name == live.name or name in (f"{live.name}-wal", f"{live.name}-shm"):
            continue
        assert kept[0] == live.name, name
        assert kept[2].isdecimal(), name
        assert look_at(live.with_name(name)).integrity == "ok"


def assert_old_or_new(case: Path, allowed: set[int], mode: str = "wal") -> int:
    """Whole before the recovery too; the rows it has after it."""
    live = case / LIVE
    before = look_at(live)
    told = recover(live)
    after = look_at(live)
    assert before.integrity == after.integrity == "ok"
    assert before.rows == after.rows
    assert after.rows in allowed
    assert after.journal_mode == mode
    assert recover(live) is None, told
    assert_tidy(live)
    return after.rows


@pytest.mark.parametrize("fault", ["kill", "full"])
@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("every", STRIDES)
def test_a_restore_may_end_anywhere(folder: Path, target: Path, fault: str, mode: str, every: int) -> None:
    make(folder / LIVE, FORMER_ROWS, mode)

    found = cases(f"{RUNS}:restore", folder, target, fault, every=every)

    assert len(found) > 25 // every
    rows = [assert_old_or_new(case, {FORMER_ROWS, RESTORED_ROWS}, mode) for case in found]
    assert rows[0] == FORMER_ROWS
    assert rows[-1] == RESTORED_ROWS
    for case, now in zip(found, rows, strict=True):
        copies = [name for name in names(case / "live") if ".pre-restore-" in name]
        # One that was undone after its commit, since its checks could not be carried out, keeps its copy.
        assert len(copies) == 1 if now == RESTORED_ROWS else len(copies) <= (fault == "full"), case


@pytest.mark.parametrize("fault", ["kill", "full"])
@pytest.mark.parametrize("page_bytes", [4096, pytest.param(8192, marks=pytest.mark.long)])
@pytest.mark.parametrize("every", STRIDES)
def test_an_undoing_may_end_anywhere(folder: Path, target: Path, fault: str, page_bytes: int, every: int) -> None:
    make(folder / LIVE, FORMER_ROWS, "wal", page_bytes)

    found = cases(f"{RUNS}:restore_and_undo", folder, target, fault, every=every)

    rows = [assert_old_or_new(case, {FORMER_ROWS, RESTORED_ROWS, WRITTEN_ROWS}) for case in found]
    assert rows[-1] == FORMER_ROWS
    for case, now in zip(found, rows, strict=True):
        # Once there was something else in the database, the former content is in a copy or in it.
        kept = [look_at(case / "live" / name).rows for name in names(case / "live") if ".pre-restore-" in name]
        assert FORMER_ROWS in [now, *kept]
    assert WRITTEN_ROWS in [look_at(each).rows for each in (found[-1] / "live").glob("*.pre-restore-*")]


@pytest.mark.parametrize("every", STRIDES)
def test_a_rollback_may_be_killed_anywhere(folder: Path, target: Path, every: int) -> None:
    make(folder / LIVE, RESTORED_ROWS)
    make(folder / f"{LIVE}.pre-restore-1700000000", FORMER_ROWS)

    found = cases(f"{RUNS}:rollback", folder, target, "kill", every=every)

    rows = [assert_old_or_new(case, {FORMER_ROWS, RESTORED_ROWS}) for case in found]
    assert rows[0] == RESTORED_ROWS
    assert rows[-1] == FORMER_ROWS
    for case, now in zip(found, rows, strict=True):
        kept = [look_at(case / "live" / name).rows for name in names(case / "live") if ".pre-restore-" in name]
        assert kept.count(FORMER_ROWS) == 1
        assert (RESTORED_ROWS in kept) == (now == FORMER_ROWS)


BROKEN = {"tasks.db": b"no database", "tasks.db-wal": b"its -wal", "tasks.db-journal": b"its -journal"}


@pytest.mark.parametrize("every", STRIDES)
@pytest.mark.parametrize("run", ["restore", "restore_and_undo"])
@pytest.mark.parametrize("fault", ["kill", "full"])
@pytest.mark.parametrize("stands", ["text", pytest.param("nothing", marks=pytest.mark.long)])
def test_a_file_that_is_no_database_comes_back_byte_for_byte_or_is_replaced(
    folder: Path, target: Path, run: str, fault: str, stands: str, every: int
) -> None:
    former = BROKEN if stands == "text" else {"tasks.db-wal": b"its -wal"}
    for name, content in former.items():
        (folder / "live" / name).write_bytes(content)

    found = cases(f"{RUNS}:{run}", folder, target, fault, every=every)

    assert len(found) > 25 // every
    for case in found:
        live = case / LIVE
        recover(live)
        assert recover(live) is None
        there = {each.name: each.read_bytes() for each in live.parent.iterdir()}
        if there.get("tasks.db", b"").startswith(b"SQLite"):
            assert look_at(live).rows in (RESTORED_ROWS, WRITTEN_ROWS)
            assert {re.sub(r"\.pre-restore-\d+", "", name): there[name] for name in there if ".pre-" in name} == former
            assert not live.with_name("tasks.db-journal").exists()
        else:
            assert {name: content for name, content in there.items() if ".pre-" not in name} == former
            kept = [look_at(each).rows for each in live.parent.glob("*.pre-restore-*") if each.suffix[-1].isdecimal()]
            assert set(kept) <= {WRITTEN_ROWS}


@pytest.mark.long
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_restore_may_be_killed_at_any_instant(folder: Path, target: Path, mode: str) -> None:
    """Also where SQLite itself writes; both are of some megabytes, and of the size that makes it spill its cache."""
    make(folder / LIVE, 20 * FORMER_ROWS, mode)
    shutil.rmtree(folder / "private")
    proven(folder / "private", rows=20 * RESTORED_ROWS)
    command = [sys.executable, "-m", RUNS, str(folder), str(target), "150", "20260505"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": "."})

    rows = {assert_old_or_new(case, {20 * FORMER_ROWS, 20 * RESTORED_ROWS}, mode) for case in target.iterdir()}

    assert 20 * RESTORED_ROWS in rows
