"""Live databases and proven copies, told apart by their rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.drill_program.tables import row_counts, schema_digest
from local.restore.proven import ProvenCopy

FORMER_ROWS = 700
RESTORED_ROWS = 900


@dataclass(frozen=True)
class Seen:
    """What a program that opens the database sees."""

    rows: int
    journal_mode: str
    page_bytes: int
    integrity: str


def make(path: Path, rows: int, mode: str = "wal", page_bytes: int = 4096) -> Path:
    """A database whose every page tells which one it is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_bytes}")
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT)")
        connection.execute("CREATE INDEX by_title ON tasks(title)")
        connection.execute("BEGIN")
        titles = ((f"{number * rows} task of {rows}" * 3,) for number in range(rows))
        connection.executemany("INSERT INTO tasks(title) VALUES (?)", titles)
        connection.execute("COMMIT")
    return path


def proven(folder: Path, mode: str = "wal", page_bytes: int = 4096, rows: int = RESTORED_ROWS) -> ProvenCopy:
    """A private copy of a backup, in a folder of its own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = make(folder / "backup.db", rows, mode, page_bytes)
    path.chmod(0o600)
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        return ProvenCopy(path, row_counts(connection), schema_digest(connection))


def look_at(path: Path) -> Seen:
    """Open it as its application would, and let go of it."""
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        return Seen(
            connection.execute("SELECT count(*) FROM tasks").fetchone()[0],
            connection.execute("PRAGMA journal_mode").fetchone()[0],
            connection.execute("PRAGMA page_size").fetchone()[0],
            connection.execute("PRAGMA integrity_check").fetchone()[0],
        )


def names(folder: Path) -> list[str]:
    """What stands in a folder."""
    return sorted(each.name for each in folder.iterdir())


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that has read the database and stays open."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        connection.execute("SELECT count(*) FROM tasks").fetchone()
        yield connection
