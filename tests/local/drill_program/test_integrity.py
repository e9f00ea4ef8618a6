"""The drill program's fourth step, run for real: damage that only a full integrity_check sees."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.drill_archives import (
    drilled,
    ending,
    make_database,
    members,
    target_of,
    unrecorded,
)


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


CHECKED = """
    PRAGMA journal_mode={mode};
    CREATE TABLE prices(name TEXT, price INT CHECK(price > 0));
    CREATE TABLE halves(n INT, half AS (n / 2) CHECK(half > 1));
    PRAGMA ignore_check_constraints=on;
    INSERT INTO prices VALUES ('free', 0), ('owed', -1), ('dear', 9), ('unknown', NULL);
    INSERT INTO halves VALUES (1), (9);
"""
BROKEN = (
    "as when it was backed up, data breaks its constraints: "
    "CHECK constraint failed in halves (1 row); CHECK constraint failed in prices (2 rows)"
)


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("recorded", [True, False])
def test_data_that_broke_its_checks_when_it_was_backed_up_passes_and_is_told(
    temp: Path, tmp_path: Path, archive: Path, mode: str, recorded: bool
) -> None:
    content = make_database(tmp_path / "checked.db", CHECKED.format(mode=mode)).read_bytes()
    target = target_of(archive, members(content), content)
    database = drilled(temp, target if recorded else unrecorded(target))
    assert (database.verdict, database.steps[3].name) == ("passed", "integrity")
    assert database.steps[3].detail == BROKEN


def test_rows_that_break_checks_never_hide_damage(temp: Path, tmp_path: Path, archive: Path) -> None:
    """More of them than integrity_check looks for, before the damage and instead of it."""
    path = make_database(tmp_path / "checked.db", CHECKED.format(mode="delete"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            PRAGMA ignore_check_constraints=on;
            INSERT INTO prices SELECT 'free', 0 FROM prices, prices, prices;
            CREATE TABLE things(title); CREATE INDEX by_title ON things(title);
            CREATE TABLE others(title); CREATE INDEX by_other ON others(title);
            INSERT INTO things VALUES ('there');
            PRAGMA writable_schema=on;
            UPDATE sqlite_master SET rootpage=(SELECT rootpage FROM sqlite_master WHERE name='by_other')
                WHERE name='by_title';
            DELETE FROM sqlite_master WHERE name='by_other';""")
    content = path.read_bytes()
    database = drilled(temp, target_of(archive, members(content), content))
    assert ending(database) == ("integrity", "failed")
    assert "by_title" in database.steps[-1].detail


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("CREATE TABLE texts(a CHECK(a REGEXP 'x')); INSERT INTO texts VALUES ('x')", "REGEXP"),
        (
            "CREATE TABLE texts(a CHECK(json(a) NOT NULL)); PRAGMA ignore_check_constraints=on;"
            "INSERT INTO texts VALUES ('no json')",
            "malformed JSON",
        ),
    ],
    ids=["a function of the application", "an error of its own"],
)
def test_a_check_that_cannot_be_evaluated_is_a_note_and_the_rest_is_checked(
    temp: Path, tmp_path: Path, archive: Path, script: str, why: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "checked.db")) as connection:
        connection.create_function("regexp", 2, lambda _pattern, _text: True)
        connection.executescript(script)
    content = (tmp_path / "checked.db").read_bytes()
    database = drilled(temp, target_of(archive, members(content), content))
    assert database.verdict == "passed"
    assert database.steps[3].detail.startswith("CHECK constraints were not all evaluated: ")
    assert why in database.steps[3].detail
