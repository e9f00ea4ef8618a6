"""A live database changed, and what its newest backup brings back by hand."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

from local.store import catalog
from tests.support.workshop import Workshop


def change(path: Path, title: str = "changed") -> None:
    """One row, in one transaction."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE tasks SET title = ? WHERE id = 7", (title,))


def restored(workshop: Workshop, name: str, target: Path) -> sqlite3.Connection:
    """By hand: the newest blob, gunzip, open."""
    point = catalog.choose(workshop.repository.points(), name)
    assert point
    with urlopen(workshop.store.link(point.entry, 60)) as answer:
        content = answer.read()
    target.write_bytes(subprocess.run(["gunzip", "-c"], input=content, capture_output=True, check=True).stdout)
    return sqlite3.connect(target)


def half_noise(path: Path) -> Path:
    """40 MB, three steps of the copy."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE noise(id INTEGER PRIMARY KEY, body, rest)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
            "INSERT INTO noise SELECT i, randomblob(300), zeroblob(3500) FROM n"
        )
    return path
