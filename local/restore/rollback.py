"""Back to the newest pre-restore copy, in the same safe way; what is there now is kept in turn, so it can be undone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from shlex import quote

from local.drill_program.distrust import confine
from local.drill_program.tables import row_counts, schema_digest
from local.errors import InconclusiveError
from local.events import Watch
from local.restore import kept
from local.restore.claim import claimed, real_path
from local.restore.live import Checks, LiveRestore, RestoreJob, carry_out
from local.restore.proven import ProvenCopy

_PRIVATE = "former.db"


def roll_back(live: Path, checks: Checks, keep_copies: int, watch: Watch, name: str | None = None) -> LiveRestore:
    """Put the newest pre-restore copy in the place of the live database; as `restore_live` in everything else.

    That copy stays; `name` is the database's in the configuration. Raises InconclusiveError where there is none, or
    where it is no database that SQLite can open.
    """
    path = real_path(live)
    with claimed(path) as folder:
        copies = kept.copies(path)
        newest = copies[0] if copies else None
        if newest is None or not newest.exists():
            came_back = f"there is no copy {path}.pre-restore-…"
            raise InconclusiveError(f"rollback of {path}", came_back, f"look for it: ls -la {quote(str(path.parent))}")
        return carry_out(RestoreJob(live, _private(newest, folder, name), checks, keep_copies, rollback=True), watch)


def _copy_whole(newest: Path, private: Path) -> None:
    """With what SQLite may have to recover, which happens in the private copy: the kept one stays byte for byte."""
    for end in ("", "-wal", "-journal"):
        source = newest.with_name(newest.name + end)
        if source.exists():
            shutil.copyfile(source, private.with_name(private.name + end))
            private.with_name(private.name + end).chmod(0o600)


def _private(newest: Path, folder: Path, name: str | None) -> ProvenCopy:
    private = folder / _PRIVATE
    try:
        _copy_whole(newest, private)
        with closing(sqlite3.connect(private, isolation_level=None)) as connection:
            confine(connection)
            connection.execute("PRAGMA journal_mode=delete").fetchone()
            return ProvenCopy(private, row_counts(connection), schema_digest(connection), name)
    except (sqlite3.Error, OSError) as error:
        mend = f"it is what stood there before; put it back by hand if it must be: ls -la {quote(str(newest))}*"
        raise InconclusiveError(f"rollback to {newest}", str(error), mend) from error
