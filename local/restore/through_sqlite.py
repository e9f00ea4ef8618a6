"""Exchanging a live database's content by SQLite's backup API: under its locks, journaled by SQLite itself.

Open connections survive and see the new content at their next read; a kill at any instant leaves the old content or
the new one, since SQLite rolls half of it back (sqlite.org/backup.html; measured with 250 kills).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from local.restore import kept
from local.sqlite import snapshot

# What another program may keep the database locked for.
BUSY_SECONDS = 30.0
_MODE_SECONDS = 5.0
_RETRY_SECONDS = 0.02
# The cache takes more than a step, so that nothing is written before the callback after the first one has ended.
STEP_BYTES = 4 << 20
_CACHE_KIB = 16_000
_READ_VERSION_OFFSET = 19
_WAL_READ_VERSION = b"\x02"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
Advance = Callable[[int, int], None]


class StaysLockedError(Exception):
    """Other programs did not let go of the database in time; nothing was changed."""


class OpenLive:
    """A connection to the live database that is held open, since its `data_version` tells of other writers.

    Meanwhile this process must not open the file but through SQLite: closing it would drop SQLite's locks (POSIX).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mode = ""
        self._locked = False
        # Open before the connection and until after it, for the same reason.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with ExitStack() as failing:
            failing.callback(os.close, self._descriptor)
            uri = f"{path.as_uri()}?mode=rw"
            self.connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
            failing.callback(self.connection.close)
            self.connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
            failing.pop_all()

    def close(self) -> None:
        """Close the connection, then the descriptor."""
        self.connection.close()
        os.close(self._descriptor)

    @property
    def journal_mode(self) -> str:
        """The journal mode, as this connection sees it."""
        return self._text("journal_mode")

    @property
    def page_bytes(self) -> int:
        """The page size."""
        return int(self._text("page_size"))

    @property
    def data_version(self) -> str:
        """Another one once another connection has written; what this one writes does not count."""
        return self._text("data_version")

    def set_journal_mode(self, mode: str) -> None:
        """Change it; StaysLockedError where another connection is in the way for some seconds."""
        if self.journal_mode == mode:
            return
        self.connection.execute(f"PRAGMA busy_timeout={round(_MODE_SECONDS * 1000)}")
        try:
            found = self._text(f"journal_mode={mode}")
        except sqlite3.OperationalError as error:
            raise StaysLockedError(str(error)) from error
        finally:
            self.connection.execute(f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}")
        if found != mode:
            raise StaysLockedError(f"it stays in mode {found}")

    def replace(self, source: Path, keep: Callable[[], None], advance: Advance) -> None:
        """Give the database the content of `source`, a file without sidecars that nobody writes to.

        `keep` is called once all others are locked out and before the content changes: `copy_to` gives what will be
        overwritten, to the last commit. `advance` hears of bytes done and their total. What either raises undoes all.
        Raises StaysLockedError after BUSY_SECONDS, sqlite3.DatabaseError for what SQLite refuses.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        self._mode = self.journal_mode
        uri = f"{source.as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as reader:
            page = int(reader.execute("PRAGMA page_size").fetchone()[0])
            pages = int(reader.execute("PRAGMA page_count").fetchone()[0])
            began = False
            if pages < 2:  # its only step commits
                keep()

            def stepped(status: int, remaining: int, total: int) -> None:
                nonlocal began
                if status in _BUSY and time.monotonic() > deadline:
                    raise StaysLockedError("database is locked")
                if status == sqlite3.SQLITE_OK:
                    if not began:
                        began = True
                        self._keep_locked(keep)
                    advance((total - remaining) * page, total * page)

            # One page less than all of it: the first step must not be the one that commits.
            step = max(1, min(STEP_BYTES // page, pages - 1))
            reader.backup(self.connection, pages=step, progress=stepped, sleep=_RETRY_SECONDS)

    def copy_to(self, target: Path) -> None:
        """The content as it is while `replace` calls `keep`: in WAL mode one can read, else the file is all."""
        if self._is_wal() or not self._locked:
            snapshot.take(self.path, target)
            kept.sync(target)
        else:
            kept.copy_bytes(self._descriptor, target)

    def _keep_locked(self, keep: Callable[[], None]) -> None:
        self._locked = True
        try:
            keep()
        finally:
            self._locked = False

    def _is_wal(self) -> bool:
        # The connection is busy as a backup's target and must not be asked; somebody may have switched to WAL mode
        # since it was, which the header says. A stale -wal makes it WAL mode whatever the header says.
        return self._mode == "wal" or os.pread(self._descriptor, 1, _READ_VERSION_OFFSET) == _WAL_READ_VERSION

    def _text(self, pragma: str) -> str:
        return str(self.connection.execute(f"PRAGMA {pragma}").fetchone()[0])
