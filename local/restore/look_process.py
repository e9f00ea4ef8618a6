"""The program that looks at a database beside a -wal without a -shm, and leaves neither changed: a process of its own.

Under an exclusive lock SQLite keeps the -shm in its memory (wal.html, 8), and a connection that is never closed writes
no -wal into the database. A -shm that was made could not be removed afterwards: another may have opened it by then.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import msgspec

from local.restore.facts import LOOK_SECONDS, Content, as_sqlite_sees, examined


def look_alone(path: Path) -> Content:
    """What SQLite finds there; the connection stays open until the process ends without closing it."""

    def look() -> Content:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOOK_SECONDS, isolation_level=None)
        _never_closed.append(connection)
        connection.execute("PRAGMA locking_mode=exclusive").fetchone()
        return examined(connection)

    return as_sqlite_sees(look)


_never_closed: list[sqlite3.Connection] = []

if __name__ == "__main__":
    os.write(1, msgspec.json.encode(look_alone(Path(sys.argv[1]))))
    os._exit(0)
