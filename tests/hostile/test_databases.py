"""SQLite files that somebody made: what stands in them runs no code, takes no memory, leaves no file, has no end."""

from __future__ import annotations

import random
import resource
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from local.drill_program import distrust
from local.drill_program.distrust import HEAP_BYTES_MAX
from local.drill_program.steps import MESSAGE_CHARACTERS, open_restored, sqlite_error
from local.drill_program.tables import count_tables, schema_digest
from local.drill_program.work import Stop
from local.errors import SourceError
from local.sqlite import snapshot
from tests.support import tally
from tests.support.drill_archives import drilled, ending_here, legacy, make_database, target_of, unrecorded

SOME = 300
MANY = 10_000
# Beside SQLite's own gigabyte: Python, its threads, and their buffers.
RLIMIT_BYTES = HEAP_BYTES_MAX + (512 << 20)
ENDLESS = "WITH RECURSIVE n(docid, body) AS (SELECT 1, 'a' UNION ALL SELECT docid + 1, 'a' FROM n) SELECT * FROM n"
GROWING = ENDLESS.replace("UNION ALL SELECT docid + 1, 'a'", "UNION SELECT docid + 1, hex(zeroblob(500))")
FTS = "CREATE VIEW v AS {}; CREATE VIRTUAL TABLE f USING fts4(body, content='v')"
UNKNOWN = (
    "PRAGMA writable_schema=on;"
    "INSERT INTO sqlite_master VALUES('table', 'm', 'm', 0, 'CREATE VIRTUAL TABLE m USING {}')"
)
RENAMED = (
    "CREATE TABLE t(a); CREATE TABLE u(b); PRAGMA writable_schema=on; UPDATE sqlite_master SET {} WHERE name = 't'"
)

HOSTILE_SCHEMAS = {
    "a view that loads an extension": FTS.format("SELECT 1 AS docid, load_extension('/tmp/x') AS body"),
    "a check that loads an extension": "CREATE TABLE t(a CHECK (load_extension(a) IS NULL))",
    "a trigger that writes": "CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; END",
    "an unknown module": UNKNOWN.format("evil(x)"),
    "a module that reads files": UNKNOWN.format("csv(filename=\"/etc/passwd\")"),
    "a module of the shell's": UNKNOWN.format("fsdir"),
    "pages as a table": "CREATE VIRTUAL TABLE d USING dbstat",
    "a tokenizer that is none": UNKNOWN.format("fts5(x, tokenize=evil)"),
    "an fts5 of another version": "CREATE VIRTUAL TABLE f USING fts5(x); UPDATE f_config SET v = 99999",
    "an fts5 of odd settings": "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f_config VALUES('pgsz', -1), "
    "('hashsize', 9e18), ('rank', 'load_extension(1)')",
    "an fts5 without its data": "CREATE VIRTUAL TABLE f USING fts5(x); PRAGMA writable_schema=on; DELETE FROM f_data",
    "a table of SQLite's own": RENAMED.format("name = 'sqlite_x', tbl_name = name, sql = 'CREATE TABLE sqlite_x(a)'"),
    **{what: RENAMED.format(what) for what in (
        "name = 5", "name = NULL", "name = x'00ff'", "name = 'a' || char(0)", "tbl_name = 7", "sql = 5", "sql = x'ff'",
        "sql = NULL", "type = 'view'", "type = 5", "rootpage = -1", "rootpage = 99999999", "rootpage = 'x'",
        "sql = 'CREATE TABLE t(a' || replace(hex(zeroblob(2000)), '00', ',b CHECK(1)') || ')'",
        "sql = 'SELECT 1'", "sql = 'CREATE TABLE t AS SELECT 1'", "sql = 'CREATE TEMP TABLE t(a)'",
    )},
}  # fmt: skip


def written(path: Path, script: str) -> bytes:
    """The bytes of a database that this script made."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.commit()
    raw = path.read_bytes()
    path.unlink()
    return raw


def ended(folder: Path, raw: bytes) -> tuple[str, str, str]:
    """How the drill of a file of the former script ends that holds this, of which nothing was recorded."""
    return ending_here(folder, unrecorded(target_of(folder / "a.gz", legacy(raw), b"")))


@pytest.mark.parametrize("script", HOSTILE_SCHEMAS.values(), ids=HOSTILE_SCHEMAS.keys())
def test_no_schema_stops_a_drill_or_leaves_a_file(tmp_path: Path, script: str) -> None:
    _, verdict, detail = ended(tmp_path, written(tmp_path / "made.db", script))

    assert verdict in ("passed", "failed", "inconclusive")
    assert "cut short" not in detail
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]
    tally.count("hostile databases", "a schema")


def _bit(rng: random.Random, page: bytearray) -> None:
    page[rng.randrange(len(page))] ^= 1 << rng.randrange(8)


def _header(rng: random.Random, page: bytearray) -> None:
    page[rng.randrange(100)] = rng.randrange(256)


def _cells(rng: random.Random, page: bytearray) -> None:
    at = rng.choice([0, 100]) + rng.randrange(40)
    page[at : at + 2] = rng.choice([b"\0\0", b"\xff\xff", b"\0\1", rng.randbytes(2)])


def _block(rng: random.Random, page: bytearray) -> None:
    at = rng.randrange(len(page))
    page[at : at + rng.randint(1, 64)] = rng.randbytes(rng.randint(1, 64))[: len(page) - at]


DAMAGES: tuple[Callable[[random.Random, bytearray], None], ...] = (_bit, _header, _cells, _block)


def damaged(raw: bytes, seed: int) -> bytes:
    """The file with a few pages damaged, the schema's and the header more often than others."""
    rng = random.Random(seed)
    found = bytearray(raw)
    for _ in range(rng.randint(1, 3)):
        start = rng.choice([0, 0, rng.randrange(len(raw) // 4096) * 4096])
        page = found[start : start + 4096]
        rng.choice(DAMAGES)(rng, page)
        found[start : start + 4096] = page[:4096].ljust(4096, b"\0")
    return bytes(found)


def judge(folder: Path, seeds: range) -> int:
    """Drill and examine damaged databases; how many SQLite found to be sound."""
    freed = "DELETE FROM t WHERE a % 3 = 0"
    raw = written(
        folder / "made.db",
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT CHECK (length(b) > 0), c AS (upper(b))); CREATE INDEX i ON t(b);"
        "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('some words');"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
        f"INSERT INTO t(a, b) SELECT i, hex(zeroblob(i * i)) FROM n; {freed}",
    )
    sound = 0
    for seed in seeds:
        file = damaged(raw, seed)
        _, verdict, detail = ended(folder, file)
        assert "cut short" not in detail, (seed, detail)
        sound += verdict == "passed"
        copy = folder / "copy.db"
        copy.write_bytes(file)
        with suppress(SourceError):
            snapshot.examine(copy)
        assert sorted(path.name for path in folder.iterdir()) == ["a.gz", "copy.db"], seed
        copy.unlink()
    tally.count("hostile databases", "damaged pages", len(seeds))
    return sound


def test_damaged_pages_end_every_drill_and_every_backup_in_words(tmp_path: Path) -> None:
    assert judge(tmp_path, range(SOME)) < SOME


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_damaged_databases_end_in_words(tmp_path: Path) -> None:
    first = random.SystemRandom().randrange(2**32)
    assert judge(tmp_path, range(first, first + MANY)) < MANY


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (RLIMIT_BYTES + (1 << 30), RLIMIT_BYTES + (1 << 30)))
    resource.setrlimit(resource.RLIMIT_DATA, (RLIMIT_BYTES, RLIMIT_BYTES))


@pytest.mark.parametrize("view", [ENDLESS, GROWING], ids=["without an end", "that grows without an end"])
def test_a_view_without_an_end_ends_with_the_deadline_in_bounded_memory(temp: Path, archive: Path, view: str) -> None:
    raw = written(archive.with_name("made.db"), FTS.format(view))
    target = unrecorded(target_of(archive, legacy(raw), b""))

    database = drilled(temp, target, deadline=2, preexec_fn=_little_memory)

    assert (database.verdict, database.steps[-1].name) == ("inconclusive", "rows")
    assert "deadline" in database.steps[-1].detail or "MemoryError" in database.steps[-1].detail
    tally.count("hostile databases", "a view without an end")


def test_a_view_of_gigabytes_is_inconclusive_and_takes_none(temp: Path, archive: Path) -> None:
    raw = written(archive.with_name("made.db"), FTS.format("SELECT 1 AS docid, hex(zeroblob(499999999)) AS body"))
    target = unrecorded(target_of(archive, legacy(raw), b""))

    database = drilled(temp, target, preexec_fn=_little_memory)

    assert database.verdict == "inconclusive"
    assert "MemoryError" in database.steps[-1].detail


@pytest.fixture
def stopped_later(tmp_path: Path) -> tuple[sqlite3.Connection, Stop]:
    """A restored database as the drill opens it, and what ends the drill."""
    stop = Stop()
    return open_restored(make_database(tmp_path / "t.db", tasks=5), stop), stop


def test_a_restored_file_is_opened_as_one_that_anybody_made(stopped_later: tuple[sqlite3.Connection, Stop]) -> None:
    connection, stop = stopped_later
    with closing(connection):
        told = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("cell_size_check", "temp_store")}
        assert told == {"cell_size_check": 1, "temp_store": 2}
        trusted = connection.execute("PRAGMA trusted_schema").fetchone()[0]
        assert trusted == (0 if distrust.knows_safe_functions() else 1)
        for sql in (
            "SELECT load_extension('x')",
            "ATTACH ':memory:' AS x",
            "DELETE FROM tasks",
            "SELECT fts3_tokenizer('x')",
        ):
            with pytest.raises(sqlite3.DatabaseError):
                connection.execute(sql)
        stop.set("the deadline passed")
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            connection.execute(ENDLESS).fetchall()


def test_a_check_that_uses_json_is_no_trouble(tmp_path: Path) -> None:
    """SQLite 3.38 to 3.40 call JSON's functions unsafe where a schema is not trusted."""
    script = (
        "CREATE TABLE t(a CHECK (json_valid(a)), b AS (json_extract(a, '$.x')));"
        "CREATE INDEX i ON t(json_extract(a, '$.x')); INSERT INTO t VALUES ('{\"x\": 1}')"
    )
    raw = written(tmp_path / "made.db", script)
    (tmp_path / "copy.db").write_bytes(raw)

    assert ended(tmp_path, raw)[:2] == ("rows", "passed")
    assert snapshot.examine(tmp_path / "copy.db").rows == {"t": 1}


def test_a_snapshot_s_check_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "CHECK_SECONDS_MAX", 0.5)
    (tmp_path / "copy.db").write_bytes(written(tmp_path / "made.db", FTS.format(ENDLESS)))

    with pytest.raises(SourceError, match="interrupted"):
        snapshot.examine(tmp_path / "copy.db")


def test_a_name_without_an_end_in_sqlite_s_message_takes_no_time() -> None:
    text = (
        "malformed database schema (" + " - " * 1_000_000 + "already" + "x" * 1_000_000 + ') - near "x": syntax error'
    )
    begin = time.process_time()

    told = str(sqlite_error(sqlite3.DatabaseError(text), Stop()))

    assert len(told) < MESSAGE_CHARACTERS + 200
    assert told.endswith("syntax error")
    assert time.process_time() - begin < 30  # the whole of it takes hours


def test_a_schema_that_no_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.drill_program.tables.SCHEMA_BYTES_MAX", 1000)
    with closing(sqlite3.connect(make_database(tmp_path / "t.db", tasks=1))) as connection:
        assert count_tables(connection).rows["tasks"] == 1
        connection.execute("CREATE VIEW v AS SELECT 1 /* " + "x" * 1000 + " */")
        with pytest.raises(sqlite3.OperationalError, match="the schema has more than"):
            schema_digest(connection)
