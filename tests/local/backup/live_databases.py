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
