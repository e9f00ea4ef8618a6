"""How many rows a live database has, found out without leaving a trace of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from local.drill_program.distrust import confine
from local.drill_program.tables import row_counts
from local.restore.fetch import sidecars
from local.sqlite.live_database import file_state, open_live

_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class LiveRows:
    """Rows by table as of one moment; nothing, and why, where they cannot be counted."""

    rows: dict[str, int]
    trouble: str | None = None


def live_rows(path: Path, holders: Collection[str]) -> LiveRows:
    """Count the tables of the live database at `path`, which `holders` have open as far as is known.

    What a killed program left beside a database (a -wal, a -journal) is recovered by whoever opens it for writing,
    which would change the files: where nobody has it open, a copy is counted instead.
    """
    try:
        if sidecars(path) and not holders:
            return LiveRows(_counted_in_copy(path))
        with closing(open_live(path, _WAIT_SECONDS)) as live:
            confine(live.connection)
            return LiveRows(row_counts(live.connection))
    except (sqlite3.Error, OSError) as error:
        return LiveRows({}, getattr(error, "strerror", None) or str(error))


def _counted_in_copy(path: Path) -> dict[str, int]:
    """The rows in a copy of the file with its -wal or -journal; OSError where somebody wrote meanwhile."""
    with tempfile.TemporaryDirectory(prefix="pillar9-count-") as folder:
        found = file_state(path)
        free = shutil.disk_usage(folder).free
        if found is None or 2 * found.size_bytes > free:
            raise OSError(f"no room in {folder} to count a copy of it: {free:,} bytes are free")
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        for end in ("-wal", "-journal"):
            if os.path.lexists(f"{path}{end}"):
                shutil.copyfile(f"{path}{end}", f"{copy}{end}")
        if file_state(path) != found:
            raise OSError("it is being written to by a program that this user cannot see")
        with closing(sqlite3.connect(copy)) as connection:
            confine(connection)
            return row_counts(connection)
