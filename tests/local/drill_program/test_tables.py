"""The drill program, run for real, on databases: damage, lost rows and tables, and libraries that know too little."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local.drill.order import DatabaseTarget
from local.drill_program.tables import row_counts, schema_digest
from tests.support.drill_archives import (
    content_facts,
    drilled,
    ending,
    make_database,
    members,
    target_of,
    unrecorded,
)
from tests.support.odd_databases import ODD_DATABASES


@pytest.mark.parametrize("kind", sorted(kind for kind in ODD_DATABASES if "hot journal" not in kind))
def test_every_kind_of_database_passes(temp: Path, tmp_path: Path, archive: Path, kind: str) -> None:
    content = ODD_DATABASES[kind](tmp_path).read_bytes()
    target = target_of(archive, members(content), content)
    database = drilled(temp, target)
    assert database.verdict == "passed", database.steps
    assert {name: count.restored for name, count in database.rows.items()} == target.tables
    assert all(count.recorded == count.restored for count in database.rows.values())


CHANGES = {
    "DELETE FROM tasks WHERE id > 2990": "table 'tasks' has 2990 rows, recorded: 3000",
    "DROP TABLE notes": "table 'notes' is missing",
    "CREATE TABLE extra(a)": "table 'extra' was not there at the backup",
    "DROP INDEX by_title": "the schema is not the recorded one",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_sound_database_with_other_rows_or_tables_fails(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes, change: str
) -> None:
    lost = tmp_path / "lost.db"
    lost.write_bytes(raw)
    with closing(sqlite3.connect(lost)) as connection:
        connection.executescript(change)
    content = lost.read_bytes()
    before = target_of(archive, members(raw), raw)
    form = members(content, facts_of=raw)
    target = target_of(archive, form, content, tables=before.tables, schema=before.schema)
    for known in (target, unrecorded(target)):
        database = drilled(temp, known)
        assert ending(database) == ("rows", "failed")
        assert CHANGES[change] in database.steps[-1].detail


def test_fewer_rows_than_the_floor_fail(temp: Path, archive: Path, raw: bytes) -> None:
    database = drilled(temp, target_of(archive, members(raw), raw, minimum={"tasks": 3001}))
    assert ending(database) == ("rows", "failed")
    assert "its floor is 3001" in database.steps[-1].detail


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE later(a) QUICK",
        "CREATE TABLE later(a TEXT COLLATE NOCASE) STRICTER",
        "CREATE TABLE later(a AS (a + 1) FROZEN)",
    ],
)
def test_a_schema_that_this_sqlite_does_not_know_is_inconclusive(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes, schema: str
) -> None:
    database = drilled(temp, _with_schema(tmp_path, archive, raw, schema))
    assert ending(database) == ("integrity", "inconclusive"), database.steps
    assert sqlite3.sqlite_version in database.steps[-1].detail


def test_a_collation_that_this_sqlite_does_not_have_is_inconclusive(temp: Path, tmp_path: Path, archive: Path) -> None:
    path = tmp_path / "c.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("house", lambda a, b: (a > b) - (a < b))
        connection.executescript("""
            CREATE TABLE tasks(a TEXT COLLATE house); INSERT INTO tasks VALUES ('a'), ('b');
            CREATE INDEX by_a ON tasks(a);""")
    content = path.read_bytes()
    database = drilled(temp, target_of(archive, members(content), content))
    assert ending(database) == ("integrity", "inconclusive")
    assert "no such collation sequence: house" in database.steps[-1].detail


def test_a_function_that_this_sqlite_does_not_have_is_inconclusive(temp: Path, tmp_path: Path, archive: Path) -> None:
    path = tmp_path / "f.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("house", 1, lambda a: a, deterministic=True)
        connection.executescript("""
            CREATE TABLE tasks(a TEXT); INSERT INTO tasks VALUES ('a'), ('b');
            CREATE INDEX by_house ON tasks(house(a));""")
    content = path.read_bytes()
    database = drilled(temp, target_of(archive, members(content), content))
    assert ending(database) == ("integrity", "inconclusive")


def _with_schema(tmp_path: Path, archive: Path, raw: bytes, schema: str) -> DatabaseTarget:
    """A sound backup, but of a table that only a later SQLite could read."""
    path = tmp_path / "later.db"
    path.write_bytes(raw)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE later(a)")
        connection.execute("PRAGMA writable_schema=on")
        connection.execute("UPDATE sqlite_master SET sql=? WHERE name='later'", (schema,))
        connection.commit()
    content = path.read_bytes()
    return target_of(archive, members(content, facts_of=raw), raw, database_bytes=len(content), raw_sha256=None)


FOREIGN = "CREATE VIRTUAL TABLE vectors USING vec0(a)"


def test_a_virtual_table_of_an_unknown_module_is_not_counted_and_the_drill_says_so(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes
) -> None:
    content = _with_virtual_table(tmp_path, raw)
    target = target_of(archive, members(content), content)
    assert target.tables == {"tasks": 3000, "notes": 1}
    database = drilled(temp, target)
    assert database.verdict == "passed"
    assert "vectors" in database.steps[-1].detail


def test_a_recorded_table_of_an_unknown_module_is_inconclusive(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes
) -> None:
    content = _with_virtual_table(tmp_path, raw)
    rows = {"tasks": 3000, "notes": 1, "vectors": 7}
    database = drilled(temp, target_of(archive, members(content, rows=rows), content, tables=rows))
    assert ending(database) == ("rows", "inconclusive")
    assert "no such module: vec0" in database.steps[-1].detail
    assert sqlite3.sqlite_version in database.steps[-1].detail


def test_a_lost_table_beside_an_unknown_module_still_fails(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes
) -> None:
    content = _with_virtual_table(tmp_path, raw)
    rows = {"tasks": 3000, "notes": 1, "vectors": 7, "lost": 3}
    database = drilled(temp, target_of(archive, members(content, rows=rows), content, tables=rows))
    assert ending(database) == ("rows", "failed")


def test_a_table_that_the_backup_could_not_count_is_not_compared(temp: Path, tmp_path: Path, archive: Path) -> None:
    script = "CREATE TABLE a(x); CREATE VIRTUAL TABLE places USING rtree(id, x0, x1);"
    content = make_database(tmp_path / "r.db", script).read_bytes()
    fewer = {name: n for name, n in content_facts(content).rows.items() if name != "places"}
    database = drilled(temp, target_of(archive, members(content, rows=fewer), content, tables=fewer))
    assert database.verdict == "passed", database.steps
    assert "places" in database.steps[-1].detail


def _with_virtual_table(tmp_path: Path, raw: bytes) -> bytes:
    path = tmp_path / "virtual.db"
    path.write_bytes(raw)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema=on")
        connection.execute("INSERT INTO sqlite_master VALUES ('table', 'vectors', 'vectors', 0, ?)", (FOREIGN,))
        connection.commit()
    return path.read_bytes()


@pytest.mark.parametrize("rows", [[], {"tasks": "many"}, {"tasks": True}, {"tasks": -1}, {"tasks": 2**63}, None])
def test_counts_that_do_not_read_are_never_passed(temp: Path, archive: Path, raw: bytes, rows: Any) -> None:
    target = target_of(archive, members(raw, rows=rows), raw, tables=rows)
    for known in (target, unrecorded(target)):
        assert ending(drilled(temp, known)) == ("checksum", "failed")


def test_a_table_name_that_is_not_utf_8_is_left_out_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = make_database(tmp_path / "n.db", "CREATE TABLE abcxyz(a); CREATE TABLE other(a);")
    path.write_bytes(path.read_bytes().replace(b"abcxyz", b"ab\xff\xfeyz"))
    with closing(sqlite3.connect(path)) as connection:
        assert row_counts(connection) == {"other": 0}
        assert len(schema_digest(connection)) == 64


def test_the_schema_digest_tells_fields_apart(tmp_path: Path) -> None:
    scripts = ["CREATE TABLE a(b)", "CREATE TABLE a(c)", "CREATE TABLE b(b)", "CREATE VIEW a AS SELECT 1"]
    digests = set()
    for number, script in enumerate(scripts):
        with closing(sqlite3.connect(make_database(tmp_path / f"{number}.db", script))) as connection:
            digests.add(schema_digest(connection))
    assert len(digests) == len(scripts)


def test_the_schema_digest_does_not_depend_on_the_encoding(tmp_path: Path) -> None:
    digests = set()
    for encoding in ("UTF-8", "UTF-16le", "UTF-16be"):
        script = f"PRAGMA encoding='{encoding}'; CREATE TABLE \"ä 表\"(a);"
        with closing(sqlite3.connect(make_database(tmp_path / f"{encoding}.db", script))) as connection:
            digests.add(schema_digest(connection))
    assert len(digests) == 1
