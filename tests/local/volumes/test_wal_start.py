"""What of a -wal lasts, in those that SQLite writes and in what is none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.volumes.wal_start import lasting_bytes

PAGE_BYTES = 4096
FRAME_BYTES = 24 + PAGE_BYTES


def test_what_lasts_ends_with_the_last_commit_since_it_began_anew(tmp_path: Path) -> None:
    path, wal = tmp_path / "app.db", tmp_path / "app.db-wal"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in ("page_size=4096", "journal_mode=wal", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {sql}")
        connection.execute("CREATE TABLE t(x)")
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
        size = wal.stat().st_size
        assert lasting_bytes(wal) == size
        connection.execute("PRAGMA wal_checkpoint(restart)")
        connection.execute("INSERT INTO t VALUES (7)")
        once = lasting_bytes(wal)
        assert (once - 32) % FRAME_BYTES == 0
        assert 32 < once < wal.stat().st_size == size
        before = wal.read_bytes()[:once]
        connection.execute("CREATE TABLE u(x)")
        assert once < lasting_bytes(wal) < size
        assert wal.read_bytes()[:once] == before


@pytest.mark.parametrize("content", [b"", b"x" * 31, bytes(5000), b"\x37\x7f\x06\x82" + bytes(5000)])
def test_of_what_is_no_wal_all_is_to_last(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x-wal").write_bytes(content)
    assert lasting_bytes(tmp_path / "x-wal") == len(content)
