from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from local.sqlite.sqlite_errors import Attempt, explain


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_IOERR_READ, "the disk fails to deliver it"),
        (sqlite3.SQLITE_IOERR_SHORT_READ, "the disk fails to deliver it"),
        (sqlite3.SQLITE_IOERR_FSYNC, "cannot write in"),
        (sqlite3.SQLITE_FULL, "no room left in"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "another process kept it locked"),
        (sqlite3.SQLITE_PROTOCOL, "another process kept it locked"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "the database is corrupt"),
        (sqlite3.SQLITE_READONLY_ROLLBACK, "a killed program left a transaction"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "this user may not read"),
        (sqlite3.SQLITE_TOOBIG, "says: as SQLite puts it"),
    ],
)
def test_every_error_of_sqlite_is_told_in_terms_of_what_to_do(tmp_path: Path, code: int, told: str) -> None:
    error = sqlite3.OperationalError("as SQLite puts it")
    error.sqlite_errorcode = code
    source = tmp_path / "some.db"
    explained = explain(Attempt(source, tmp_path / "copy.db", 30), source, tmp_path, error)
    assert told in str(explained)
    assert explained.mend
