"""A live database is counted without a trace, whatever a killed program left beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.restore.live_rows import live_rows
from tests.support.live_writer import live_writer
from tests.support.workshop import make_database


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's content and when it was written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_a_resting_database_is_counted_and_left_as_it_is(tmp_path: Path) -> None:
    make_database(tmp_path / "live.db")
    before = files(tmp_path)
    assert live_rows(tmp_path / "live.db", ()).rows == {"tasks": 1000, "empty": 0}
    assert files(tmp_path) == before


def test_a_wal_that_a_killed_program_left_counts_and_stays_byte_for_byte(tmp_path: Path) -> None:
    first, killed = tmp_path / "first", tmp_path / "killed"
    first.mkdir()
    killed.mkdir()
    make_database(first / "live.db")
    with closing(sqlite3.connect(first / "live.db", isolation_level=None)) as connection:
        connection.execute("INSERT INTO tasks (title) VALUES ('in the -wal alone')")
        for path in first.glob("live.db*"):
            shutil.copyfile(path, killed / path.name)
    os.unlink(killed / "live.db-shm")  # noqa: PTH108
    before = files(killed)
    assert "live.db-wal" in before

    assert live_rows(killed / "live.db", ()).rows["tasks"] == 1001
    assert files(killed) == before


def test_a_database_with_a_writer_is_counted_as_of_one_moment(tmp_path: Path) -> None:
    with live_writer(tmp_path / "live.db") as writer:
        writer.wait_for(20)
        before = writer.commits
        counted = live_rows(tmp_path / "live.db", ("python",))
        assert before <= counted.rows["live_entries"] <= writer.commits + 1
        assert counted.rows["live_totals"] == 1


@pytest.mark.parametrize("content", [b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_database_is_not_counted_and_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "live.db").write_bytes(content)
    counted = live_rows(tmp_path / "live.db", ())
    assert counted.rows == {}
    assert counted.trouble
    assert [path.name for path in tmp_path.iterdir()] == ["live.db"]
