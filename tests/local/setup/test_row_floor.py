from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from local.drill_program.tables import TableCounts
from local.errors import SourceError
from local.setup.row_floor import RowFloor, floor_of, row_floor
from tests.support.workshop import make_database

# Holds a transaction that keeps everybody else out until its input ends.
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("rows", "modules", "floor"),
    [
        ({"a": 100, "b": 7}, {}, RowFloor("a", 100, 90)),
        ({"a": 1}, {}, RowFloor("a", 1, 1)),
        ({"a": 19}, {}, RowFloor("a", 19, 17)),
        ({"a": 0}, {}, None),
        ({}, {}, None),
        ({"texts": 5, "texts_data": 900, "texts_idx": 800, "mine": 3}, {"texts": b"fts5"}, RowFloor("mine", 3, 2)),
        ({"texts": 5, "texts_data": 9}, {"texts": b"fts5"}, None),
        ({"odd\ufffd\n": 9, "b": 3}, {}, RowFloor("b", 3, 2)),
    ],
)
def test_the_floor_is_nine_tenths_of_the_largest_table(
    rows: dict[str, int], modules: dict[str, bytes], floor: RowFloor | None
) -> None:
    assert floor_of(TableCounts(rows, {}, modules)) == floor


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_live_database_is_counted_and_nothing_is_left_beside_it(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "costs.db"
    make_database(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    link = tmp_path / "link.db"
    link.symlink_to(path)

    assert row_floor(link) == RowFloor("tasks", 1000, 900)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["costs.db", "link.db"]


def test_what_is_only_in_the_wal_counts(tmp_path: Path) -> None:
    path = tmp_path / "costs.db"
    make_database(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO tasks (title) SELECT title FROM tasks")
        connection.commit()

        assert row_floor(path) == RowFloor("tasks", 2000, 1800)


def test_a_database_that_is_locked_or_corrupt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.setup.row_floor._LOCK_SECONDS", 0.1)
    path = tmp_path / "costs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SourceError, match=r"kept it locked for 0\.1 s"):
            row_floor(path)
        holder.communicate()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xaa" * 3996
    path.write_bytes(content)

    with pytest.raises(SourceError, match="corrupt"):
        row_floor(path)


def test_a_count_without_an_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.setup.row_floor._COUNT_SECONDS_MAX", 0.1)
    path = tmp_path / "costs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        endless = "WITH RECURSIVE c(rowid, x) AS (SELECT 1, 'a' UNION ALL SELECT rowid + 1, x FROM c) SELECT * FROM c"
        connection.execute(f"CREATE VIEW endless AS {endless}")
        connection.execute("CREATE VIRTUAL TABLE texts USING fts5(x, content='endless', content_rowid='rowid')")

    with pytest.raises(SourceError, match="interrupted"):
        row_floor(path)
