"""A live database replaced through SQLite, and put back in the same way."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from local.restore import kept, swap
from local.restore.kept import Holds
from local.restore.replacement import KEPT, LOOKED_AT, MEANWHILE, Replacement, stage
from local.restore.through_sqlite import OpenLive, StaysLockedError
from local.sqlite import snapshot
from local.sqlite.header import header_page_bytes

# How long the next command may be held up by a database that is locked.
_LOOK_SECONDS = 5.0


class UnderLocks:
    """The way for a database that SQLite can open: programs that have it open go on."""

    def __init__(self, replacement: Replacement) -> None:
        self.replacement = replacement
        self.database = OpenLive(replacement.live)
        self._seen = ""

    def __enter__(self) -> UnderLocks:
        return self

    def __exit__(self, *raised: object) -> None:
        self.database.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """See Way."""
        return self.database.connection

    def replace(self) -> None:
        """See Way; the former content is kept once all others are locked out, so to the last commit."""
        replacement, database = self.replacement, self.database
        stage(replacement, "delete")
        self._make_ready(replacement.staged)
        self._seen = database.data_version
        replacement.say("keep a copy of the live database, and replace it")
        database.replace(replacement.staged, self._keep, replacement.advance)

    def is_committed(self) -> bool:
        """See Way; told from the content itself, where the journal cannot tell."""
        replacement = self.replacement
        if replacement.entry.state != "replacing":
            return replacement.entry.state in ("committed", "undoing")
        return holds(replacement.live, replacement.folder, replacement.kept, replacement.staged) is not Holds.FORMER

    def is_written(self) -> bool:
        """See Way."""
        return self.database.data_version != self._seen

    def clear(self) -> None:
        """See Way."""
        replacement = self.replacement
        if replacement.entry.kept:
            swap.drop(replacement.beside, replacement.entry.kept_inode)
        self.finish()

    def undo(self) -> None:
        """See Way; nothing is kept of a content that nobody has written to."""
        replacement = self.replacement
        former = replacement.kept
        assert former is not None
        replacement.note("undoing")
        self._make_ready(former)
        self.database.replace(former, self._keep_meanwhile, replacement.advance)
        self.finish()

    def finish(self) -> None:
        """See Way."""
        mode = self.replacement.entry.journal_mode
        try:
            if mode is not None:
                self.database.set_journal_mode(mode)
        except StaysLockedError as error:
            self.replacement.say(f"its journal mode is {self.database.journal_mode} now, no longer {mode}: {error}")

    def _make_ready(self, source: Path) -> None:
        """SQLite refuses to change the page size of a database in WAL mode."""
        with source.open("rb") as file:
            page_bytes = header_page_bytes(file.read(100))
        if self.database.journal_mode == "wal" and page_bytes not in (None, self.database.page_bytes):
            self.database.set_journal_mode("delete")

    def _keep(self) -> None:
        made = self.replacement.folder / KEPT
        self.database.copy_to(made)
        self.replacement.name_kept(made)

    def _keep_meanwhile(self) -> None:
        made = self.replacement.folder / MEANWHILE
        self.database.copy_to(made)
        if not kept.same_content(made, self.replacement.staged):
            self.replacement.name_meanwhile(made)


def holds(live: Path, folder: Path, former: Path | None, restored: Path) -> Holds:
    """Which content the live database has, where a restore through SQLite was ended; SourceError if it stays locked.

    Looking at it has SQLite roll back what was half done.
    """
    if former is None or not former.exists() or not restored.exists():
        return Holds.UNCLEAR
    now = folder / LOOKED_AT
    now.unlink(missing_ok=True)
    snapshot.take(live, now, wait=_LOOK_SECONDS)
    return kept.what_it_holds(now, former, restored)
