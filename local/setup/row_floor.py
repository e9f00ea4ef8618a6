"""Today's count of a live database's largest table, and the floor that a drill holds it to from now on."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from local.drill_program.distrust import distrust
from local.drill_program.tables import TableCounts, count_tables
from local.errors import SourceError
from local.sqlite.collations import stand_in
from local.sqlite.live_database import open_live
from local.sqlite.sqlite_errors import Attempt, explain

_LOCK_SECONDS = 10.0
# In rollback-journal mode its application's commits wait as long as this.
_COUNT_SECONDS_MAX = 60.0
_ATTEMPTS = 5
_FLOOR_PERCENT = 90


@dataclass(frozen=True)
class RowFloor:
    """A table, the rows that it has now, and the least that it is to have from now on."""

    table: str
    rows: int
    minimum: int


def row_floor(path: Path) -> RowFloor | None:
    """The floor for a live database, counted in one read transaction; None if none of its tables has a row.

    Nothing is left beside the database. Raises SourceError where it cannot be read, or not be counted in a minute.
    """
    return floor_of(_count(path))


def floor_of(counted: TableCounts) -> RowFloor | None:
    """The largest of the tables that the application made itself: not a virtual one, nor the tables behind one."""
    shadows = tuple(f"{name}_" for name in counted.modules)
    own = {
        name: rows
        for name, rows in counted.rows.items()
        if rows and name not in counted.modules and not name.startswith(shadows) and name.isprintable()
    }
    if not own:
        return None
    table = max(own, key=lambda name: (own[name], name))
    return RowFloor(table, own[table], max(1, own[table] * _FLOOR_PERCENT // 100))


def _count(path: Path) -> TableCounts:
    # The sidecars of a symlinked database live beside the link's target.
    real = Path(os.path.realpath(path))
    try:
        for _ in range(_ATTEMPTS):
            with closing(open_live(real, _LOCK_SECONDS)) as live:
                counted = _counts(live.connection)
                if not live.is_torn():
                    return counted
    except UnicodeDecodeError as error:
        raise SourceError(f"count the rows of {path}", "a name in it is no UTF-8: it may be damaged") from error
    except sqlite3.DatabaseError as error:
        raise explain(Attempt(path, path, _LOCK_SECONDS), real, real.parent, error) from error
    except (OSError, MemoryError) as error:
        raise SourceError(f"count the rows of {path}", str(error)) from error
    raise SourceError(f"count the rows of {path}", "it changed during the count, which had no lock on it")


def _counts(connection: sqlite3.Connection) -> TableCounts:
    deadline = time.monotonic() + _COUNT_SECONDS_MAX
    distrust(connection, lambda: time.monotonic() > deadline)
    stand_in(connection)
    return count_tables(connection)
