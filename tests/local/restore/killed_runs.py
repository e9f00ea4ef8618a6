"""Restores that `tests.support.file_faults` ends at each of their file operations and steps.

What a restore says is a step as well: between two of SQLite's own steps, where Python sees no file operation.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from local.drill_program.tables import row_counts, schema_digest
from local.events import Event
from local.restore import through_sqlite
from local.restore.live import restore_live
from local.restore.proven import ProvenCopy
from local.restore.rollback import roll_back

LIVE = "live/tasks.db"
BACKUP = "private/backup.db"
through_sqlite.STEP_BYTES = 40_000


def restore(folder: Path) -> None:
    """A restore that is final."""
    restore_live(folder / LIVE, _copy(folder), lambda _: _step(folder), 3, lambda _: _step(folder))


def restore_and_undo(folder: Path) -> None:
    """One whose checks fail after a program has written."""

    def failing(live: Path) -> str:
        _step(folder)
        with closing(sqlite3.connect(live)) as connection, connection:
            connection.execute("INSERT INTO tasks(title) VALUES ('meanwhile')")
        return "a check failed"

    restore_live(folder / LIVE, _copy(folder), failing, 3, lambda _: _step(folder))


def rollback(folder: Path) -> None:
    """Back to the newest pre-restore copy."""
    roll_back(folder / LIVE, lambda _: _step(folder), 3, lambda _: _step(folder))


def kill_at_random(folder: Path, target: Path, count: int, seed: int) -> None:
    """As many restores, each of its own copy of the folder, killed anywhere in the time that one takes."""
    instants = random.Random(seed)
    longest = _seconds_to_restore(folder, target / "whole")
    for number in range(count):
        case = target / f"{number:03}"
        shutil.copytree(folder, case)
        process = os.fork()
        if process == 0:
            restore(case)
            os._exit(0)
        time.sleep(instants.uniform(0, longest))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _seconds_to_restore(folder: Path, case: Path) -> float:
    shutil.copytree(folder, case)
    began = time.monotonic()
    restore(case)
    return time.monotonic() - began


def _copy(folder: Path) -> ProvenCopy:
    path = folder / BACKUP
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        return ProvenCopy(path, row_counts(connection), schema_digest(connection))


def _step(folder: Path, _event: Event | None = None) -> None:
    sys.audit("os.truncate", str(folder), 0)


if __name__ == "__main__":
    kill_at_random(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
