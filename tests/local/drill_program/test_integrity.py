"""The drill program's fourth step, run for real: damage that only a full integrity_check sees."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.drill_archives import drilled, ending, members, target_of, unrecorded


def test_an_index_that_disagrees_with_its_table_fails_the_integrity_check(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes
) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(raw)
    with closing(sqlite3.connect(broken)) as connection:
        connection.executescript("""
            CREATE TABLE hidden(id INTEGER PRIMARY KEY, title TEXT, body TEXT);
            CREATE INDEX by_hidden ON hidden(title);
            PRAGMA writable_schema=on;
            UPDATE sqlite_master SET rootpage=(SELECT rootpage FROM sqlite_master WHERE name='by_hidden')
                WHERE name='by_title';
            DELETE FROM sqlite_master WHERE name IN ('by_hidden');""")
    content = broken.read_bytes()
    database = drilled(temp, target_of(archive, members(content), content))
    assert ending(database) == ("integrity", "failed")
    assert "by_title" in database.steps[-1].detail


def test_a_damaged_page_fails_the_integrity_check(temp: Path, archive: Path, raw: bytes) -> None:
    damaged = raw[: 4096 * 50] + b"\xff" * 4096 + raw[4096 * 51 :]
    database = drilled(temp, unrecorded(target_of(archive, members(raw), raw)))
    assert database.verdict == "passed"
    target = target_of(archive, members(damaged, facts_of=raw), raw, raw_sha256=None)
    assert ending(drilled(temp, target)) == ("integrity", "failed")


@pytest.mark.parametrize("content", [b"no database at all" * 300, bytes(8192)], ids=["text", "zeros"])
def test_what_is_no_database_fails_the_integrity_check(temp: Path, archive: Path, raw: bytes, content: bytes) -> None:
    form = members(content, facts_of=raw)
    target = target_of(archive, form, raw, database_bytes=len(content), raw_sha256=None)
    assert ending(drilled(temp, target)) == ("integrity", "failed")
