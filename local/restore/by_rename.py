"""A live file that is no database (any more), replaced by a rename, and put back in the same way."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

from local.events import Event
from local.restore import kept, swap
from local.restore.fetch import sidecars
from local.restore.holders import holders
from local.restore.replacement import KEPT, MEANWHILE, Replacement, stage
from local.restore.through_sqlite import OpenLive, StaysLockedError


class ByRename:
    """The way for a file that is missing, empty, damaged or no database, and that nobody has open.

    It is kept byte for byte with its sidecars, since no consistent copy of it can be made.
    """

    def __init__(self, replacement: Replacement) -> None:
        self.replacement = replacement
        self._database: OpenLive | None = None
        self._stamp: tuple[int, int] | None = None

    def __enter__(self) -> ByRename:
        return self

    def __exit__(self, *raised: object) -> None:
        self._close()

    @property
    def connection(self) -> sqlite3.Connection:
        """To the new database, once it stands there."""
        if self._database is None:
            self._database = OpenLive(self.replacement.live)
        return self._database.connection

    def replace(self) -> None:
        """See Way."""
        replacement = self.replacement
        stage(replacement, replacement.entry.journal_mode)
        replacement.ownership.give(replacement.staged)
        replacement.say(f"keep what stands there ({replacement.facts.why}), and put the backup in its place")
        if os.path.lexists(replacement.live):
            made = replacement.folder / KEPT
            kept.link_or_copy(replacement.live, made)
            replacement.name_kept(made)
        else:
            name, number = kept.free_name(replacement.live), kept.inode(replacement.staged)
            replacement.note("replacing", kept=name, restored_inode=number)
        if holders(replacement.live).processes:
            raise StaysLockedError("another program has just opened it")
        self._stamp = self._stamp_of()
        swap.put_in_place(replacement.staged, replacement.live, replacement.beside)
        self._tell_of_sidecars()

    def _tell_of_sidecars(self) -> None:
        """Where there was no file, no copy is told of, to which they would belong."""
        left = [str(each) for each in sidecars(self.replacement.beside) if self.replacement.kept is None]
        if left:
            self.replacement.watch(Event(self.replacement.subject, f"kept: {' '.join(left)}", lasting=True))

    def is_committed(self) -> bool:
        """See Way; told by the number of the file."""
        number = self.replacement.entry.restored_inode
        return number is not None and kept.inode(self.replacement.live) == number

    def is_written(self) -> bool:
        """See Way; SQLite writes to the file or to its -wal, and a rename changes neither."""
        wal = self.replacement.live.with_name(self.replacement.live.name + "-wal")
        with suppress(FileNotFoundError):
            if wal.stat().st_size:
                return True
        return self._stamp != self._stamp_of()

    def clear(self) -> None:
        """See Way."""
        replacement = self.replacement
        if replacement.entry.kept:
            swap.move_sidecars(replacement.beside, replacement.live)
            swap.drop(replacement.beside, replacement.entry.kept_inode)

    def undo(self) -> None:
        """See Way; a program that has opened the new database meanwhile goes on in the copy that is kept of it."""
        replacement = self.replacement
        self._close()
        replacement.note("undoing")
        needless = not self.is_written() and not holders(replacement.live).processes
        made = replacement.folder / MEANWHILE
        kept.link_or_copy(replacement.live, made)
        replacement.name_meanwhile(made)
        meanwhile = replacement.meanwhile
        assert meanwhile is not None
        put_back(replacement)
        if needless:
            swap.drop(meanwhile, replacement.entry.meanwhile_inode)
            replacement.entry = replacement.without_meanwhile()
        replacement.entry = replacement.without_kept()

    def finish(self) -> None:
        """See Way."""

    def _stamp_of(self) -> tuple[int, int]:
        replacement = self.replacement
        path = replacement.staged if replacement.staged.exists() else replacement.live
        found = path.stat()
        return found.st_mtime_ns, found.st_size

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def put_back(replacement: Replacement) -> None:
    """The former file and its sidecars, or none, in the new one's place, whose sidecars go with its second name."""
    meanwhile = replacement.meanwhile
    assert meanwhile is not None
    if replacement.kept is None:
        swap.take_away(replacement.live, meanwhile)
    else:
        swap.put_in_place(replacement.kept, replacement.live, meanwhile)
    swap.move_sidecars(replacement.beside, replacement.live)
