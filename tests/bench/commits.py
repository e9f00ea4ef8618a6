"""A writer in WAL mode that measures each of its commits, as a program; it ends when its stdin does.

python commits.py DATABASE RATE OUT   (OUT gets doubles: the end and the seconds of each commit, -1 for SQLITE_BUSY)
"""

from __future__ import annotations

import select
import sqlite3
import sys
import time
from array import array
from pathlib import Path


def main(database: str, rate: str, out: str) -> None:
    """Commit `rate` times a second, or as often as it can."""
    live = sqlite3.connect(database, isolation_level=None, timeout=0)
    live.execute("PRAGMA journal_mode=wal")
    live.execute("PRAGMA synchronous=normal")
    live.execute("CREATE TABLE IF NOT EXISTS live(id INTEGER PRIMARY KEY, body TEXT)")
    measured, tries, began = array("d"), 0, time.monotonic()
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], max(0.0, began + tries / float(rate) - time.monotonic()))[0]:
        tries += 1
        begin = time.monotonic()
        try:
            live.execute("BEGIN IMMEDIATE")
            live.execute("INSERT INTO live(body) VALUES (?)", (f"entry {tries} " * 8,))
            live.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            measured.extend((time.monotonic(), -1.0))
            if live.in_transaction:
                live.execute("ROLLBACK")
            continue
        end = time.monotonic()
        measured.extend((end, end - begin))
    live.close()
    with Path(out).open("wb") as file:
        measured.tofile(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
