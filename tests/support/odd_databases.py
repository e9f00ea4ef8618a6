"""Databases of every kind that SQLite allows: `ODD_DATABASES` maps a name to a function that makes one in a folder."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

Make = Callable[[Path], Path]

_ROWS = """
    CREATE TABLE entries(id INTEGER PRIMARY KEY, title TEXT, body TEXT, weight REAL, raw BLOB);
    CREATE INDEX by_title ON entries(title);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO entries
        SELECT i, 'title ' || i, 'body äöü 漢字 🙂 ' || (i * 7919) || ' of entry ' || i, i / 3.0, zeroblob(i % 50)
        FROM n;
"""

_SCRIPTS = {
    "plain": _ROWS,
    "wal mode": "PRAGMA journal_mode=wal;" + _ROWS,
    "fts5": """
        CREATE VIRTUAL TABLE search USING fts5(title, body, tokenize='porter unicode61');
        INSERT INTO search VALUES ('first', 'the quick brown fox'), ('second', 'jumps over the lazy dog');
        INSERT INTO search(search) VALUES ('optimize');""",
    "fts5 with external content": _ROWS
    + """
        CREATE VIRTUAL TABLE search USING fts5(body, content='entries', content_rowid='id');
        INSERT INTO search(search) VALUES ('rebuild');""",
    "r-tree": """
        CREATE VIRTUAL TABLE places USING rtree(id, x0, x1, y0, y1);
        INSERT INTO places VALUES (1, 0, 1, 0, 1), (2, 5, 6.5, 5, 9);""",
    "without rowid": """
        CREATE TABLE words(word TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
        INSERT INTO words VALUES ('b', 2), ('a', 1), ('ç', 3);""",
    "strict": """
        CREATE TABLE strict_one(id INTEGER PRIMARY KEY, a INT, b TEXT, c ANY) STRICT;
        INSERT INTO strict_one VALUES (1, 2, 'three', x'04');""",
    "generated columns": """
        CREATE TABLE priced(net INT, tax INT, gross INT GENERATED ALWAYS AS (net + tax) STORED, half AS (net / 2));
        CREATE INDEX by_half ON priced(half);
        INSERT INTO priced VALUES (100, 25), (10, 2);""",
    "triggers and views": _ROWS
    + """
        CREATE TABLE log(at TEXT, what TEXT);
        CREATE TRIGGER logged AFTER UPDATE ON entries BEGIN INSERT INTO log VALUES ('then', new.title); END;
        CREATE VIEW heavy AS SELECT * FROM entries WHERE weight > 100;
        UPDATE entries SET title = 'changed' WHERE id < 5;""",
    "partial and expression indexes": _ROWS
    + """
        CREATE INDEX heavy_ones ON entries(title) WHERE weight > 100;
        CREATE UNIQUE INDEX by_expression ON entries(lower(title) || id);""",
    "foreign keys": """
        CREATE TABLE parents(id INTEGER PRIMARY KEY);
        CREATE TABLE children(parent INTEGER REFERENCES parents ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1), (NULL);""",
    "auto_vacuum full": "PRAGMA auto_vacuum=full;" + _ROWS + "DELETE FROM entries WHERE id % 2;",
    "auto_vacuum incremental": "PRAGMA auto_vacuum=incremental;" + _ROWS + "DELETE FROM entries WHERE id > 100;",
    "free pages": _ROWS + "CREATE TABLE kept AS SELECT * FROM entries; DROP TABLE entries;",
    "utf-16le": "PRAGMA encoding='UTF-16le';" + _ROWS,
    "utf-16be": "PRAGMA encoding='UTF-16be';" + _ROWS,
    "names with quotes, spaces and unicode": """
        CREATE TABLE "it's a ""table""; -- [really]"("col umn" TEXT, "sél""ect" INT);
        INSERT INTO "it's a ""table""; -- [really]" VALUES ('x', 1), (NULL, 2);
        CREATE TABLE "таблица 表 🙂"(a); INSERT INTO "таблица 表 🙂" VALUES ('ж');
        CREATE TABLE "select"(a); CREATE TABLE "% ?#&"(a); INSERT INTO "% ?#&" VALUES (1);""",
    "a table of 0 rows": "CREATE TABLE bare(a, b); CREATE TABLE filled(a); INSERT INTO filled VALUES (1);",
    "no table": "PRAGMA user_version=7;",
    "2,000 tables": "BEGIN;"
    + "".join(f"CREATE TABLE t{i}(a); INSERT INTO t{i} VALUES ({i});" for i in range(2000))
    + "END;",
    "user_version and application_id": "PRAGMA user_version=-42; PRAGMA application_id=252006673;" + _ROWS,
    "autoincrement and analyze": """
        CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE INDEX by_a ON counted(a);
        INSERT INTO counted(a) VALUES (1), (2); DELETE FROM counted WHERE id = 2; ANALYZE;""",
    "a module that this sqlite lacks": _ROWS
    + """
        PRAGMA writable_schema=on;
        INSERT INTO sqlite_schema
            VALUES ('table', 'ghost', 'ghost', 0, 'CREATE VIRTUAL TABLE ghost USING no_such_module(a)');
        PRAGMA writable_schema=off;""",
    "text that is not utf-8, infinities and empty blobs": """
        CREATE TABLE values_of_all_kinds(a);
        INSERT INTO values_of_all_kinds
            VALUES (CAST(x'ff80' AS TEXT)), (9e999), (-9e999), (x''), (''), (-9223372036854775808);""",
    **{f"page size {2**power}": f"PRAGMA page_size={2**power};" + _ROWS for power in range(9, 17)},
}

# Killed in the middle of a transaction: with a cache this small, half of it stands in the file already.
_KILLED = """
import os, signal, sqlite3, sys
live = sqlite3.connect(sys.argv[1], isolation_level=None)
live.execute("PRAGMA journal_mode=" + sys.argv[2])
live.execute("PRAGMA cache_size=2")
live.execute("CREATE TABLE committed(a)")
live.execute("INSERT INTO committed VALUES (1)")
live.execute("BEGIN")
live.execute("UPDATE entries SET title = 'half done', body = 'never committed'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def execute(path: Path, script: str) -> Path:
    """Run the script on the database and close it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)
    return path


def _scripted(script: str, folder: Path) -> Path:
    return execute(folder / "odd.db", script)


def _odd_path(folder: Path) -> Path:
    inner = folder / "a folder with 'quotes', 100% & ünï çödé? #1"
    inner.mkdir()
    return execute(inner / "my database;mode=memory?x=1#%41.db", _ROWS)


def _symlinked(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    target = _killed("wal", folder / "elsewhere")
    link = folder / "link.db"
    link.symlink_to(target)
    return link


def _killed(mode: str, folder: Path) -> Path:
    path = execute(folder / "odd.db", _ROWS)
    subprocess.run([sys.executable, "-c", _KILLED, str(path), mode], check=False)
    sidecar = path.with_name(path.name + ("-wal" if mode == "wal" else "-journal"))
    if not sidecar.exists() or not sidecar.stat().st_size:
        raise RuntimeError(f"the killed writer left no {sidecar.name}")
    return path


def _wal_without_shm(folder: Path) -> Path:
    path = _killed("wal", folder)
    path.with_name(path.name + "-shm").unlink()
    return path


def _copied_while_open(folder: Path) -> Path:
    """As rsync or a file sync would have left it: database and -wal, both whole, no -shm."""
    path = folder / "odd.db"
    with closing(sqlite3.connect(folder / "first.db")) as live:
        live.executescript("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0;" + _ROWS)
        shutil.copyfile(folder / "first.db", path)
        shutil.copyfile(folder / "first.db-wal", folder / "odd.db-wal")
    return path


def own_collations(folder: Path) -> Path:
    """An order of its own in a WITHOUT ROWID table and in an index, and an index on a function of its own."""
    path = execute(folder / "odd.db", _ROWS)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_collation("backwards", lambda left, right: (left < right) - (left > right))
        connection.create_collation("it's odd", lambda left, right: (left > right) - (left < right))
        connection.create_function("theirs", 1, lambda value: value, deterministic=True)
        connection.executescript("""
            CREATE TABLE names(name TEXT PRIMARY KEY COLLATE backwards) WITHOUT ROWID;
            INSERT INTO names SELECT title FROM entries LIMIT 400;
            CREATE TABLE words(word TEXT COLLATE "it's odd"); CREATE INDEX by_word ON words(word);
            INSERT INTO words VALUES ('a'), ('b');
            CREATE TABLE by_function(a); CREATE INDEX by_theirs ON by_function(theirs(a)) WHERE theirs(a) > 0;
            INSERT INTO by_function VALUES (1), (2);""")
    return path


def _reserved_bytes(folder: Path) -> Path:
    """32 bytes of each page are kept for others, as encryption and checksum extensions do."""
    path = execute(folder / "odd.db", "PRAGMA page_size=4096; PRAGMA user_version=1;")
    content = bytearray(path.read_bytes())
    content[20] = 32
    content[105:107] = (4096 - 32).to_bytes(2, "big")
    path.write_bytes(content)
    return execute(path, _ROWS)


ODD_DATABASES: dict[str, Make] = {
    **{name: partial(_scripted, script) for name, script in _SCRIPTS.items()},
    "an odd path": _odd_path,
    "a symlinked path with a wal beside its target": _symlinked,
    "a wal that was not checkpointed": partial(_killed, "wal"),
    "a wal without its shm": _wal_without_shm,
    "a wal copied with the file": _copied_while_open,
    "a hot journal": partial(_killed, "delete"),
    "a hot journal in persist mode": partial(_killed, "persist"),
    "reserved bytes": _reserved_bytes,
}
