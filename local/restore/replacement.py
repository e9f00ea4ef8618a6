"""One replacement under way: the files that it works on, its place in the journal, and what it says meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from local import clock
from local.events import Event, Watch
from local.restore import journal, kept
from local.restore.facts import LiveFacts
from local.restore.journal import JournalEntry, State
from local.restore.kept import Ownership
from local.restore.plan import Method, ReplacementPlan
from local.restore.proven import ProvenCopy

STAGED = "new.db"
KEPT = "kept"
MEANWHILE = "meanwhile"
LOOKED_AT = "now.db"


@dataclass
class Replacement:
    """The live database at `facts.path` is to get the content of `staged`, in the work folder `folder`."""

    facts: LiveFacts
    folder: Path
    copy: ProvenCopy
    entry: JournalEntry
    watch: Watch

    @property
    def live(self) -> Path:
        """The real path of the live database."""
        return self.facts.path

    @property
    def subject(self) -> str:
        """What it is called where it is told: the database's name, where that is known."""
        return self.entry.database or self.live.name

    @property
    def staged(self) -> Path:
        """What it is replaced by: a file without sidecars, beside it."""
        return self.folder / STAGED

    @property
    def kept(self) -> Path | None:
        """The pre-restore copy; None before there is one, and where there was nothing to keep."""
        return self.live.with_name(self.entry.kept) if self.entry.kept and self.entry.kept_inode else None

    @property
    def meanwhile(self) -> Path | None:
        """The copy of what was written after the replacement."""
        named = self.entry.meanwhile and self.entry.meanwhile_inode
        return self.live.with_name(str(self.entry.meanwhile)) if named else None

    @property
    def beside(self) -> Path:
        """Where the former file's sidecars go, whether or not there was a file."""
        return self.live.with_name(str(self.entry.kept))

    @property
    def ownership(self) -> Ownership:
        """Whose the live database is."""
        return Ownership(self.facts.owner_id, self.facts.group_id, self.facts.mode)

    def note(self, state: State, **changes: str | int | None) -> None:
        """Write down what comes next, before it does."""
        self.entry = msgspec.structs.replace(self.entry, state=state, **changes)
        journal.write(self.folder, self.entry)

    def without_kept(self) -> JournalEntry:
        """The entry once the copy has been put back itself."""
        return msgspec.structs.replace(self.entry, kept=None, kept_inode=None)

    def without_meanwhile(self) -> JournalEntry:
        """The entry once it has turned out that nobody wrote."""
        return msgspec.structs.replace(self.entry, meanwhile=None, meanwhile_inode=None)

    def end(self) -> None:
        """It is over, one way or the other; a journal that cannot be removed is the next command's to remove."""
        try:
            journal.remove(self.folder)
        except OSError as error:
            told = f"{self.folder} cannot be removed ({error.strerror}); the next command tries again"
            self.watch(Event(self.subject, told, lasting=True))

    def say(self, text: str) -> None:
        """A line for people."""
        self.watch(Event(self.subject, text))

    def advance(self, done: int, total: int) -> None:
        """How far the exchange is, in bytes."""
        doing = "put the former content back" if self.entry.state == "undoing" else "replace the live database"
        self.watch(Event(self.subject, doing, done, total))

    def name_kept(self, made: Path) -> None:
        """Give the copy of what is about to be overwritten its name for good, written down before."""
        self.ownership.give(made)
        name = kept.free_name(self.live)
        self.note("keeping", kept=name, kept_inode=kept.inode(made), restored_inode=kept.inode(self.staged))
        kept.place(made, self.live.with_name(name))
        self.note("replacing")

    def name_meanwhile(self, made: Path) -> None:
        """The same for what was written since."""
        self.ownership.give(made)
        name = kept.free_name(self.live)
        self.note("undoing", meanwhile=name, meanwhile_inode=kept.inode(made))
        kept.place(made, self.live.with_name(name))


def first_entry(facts: LiveFacts, plan: ReplacementPlan, copy: ProvenCopy, rollback: bool) -> JournalEntry:
    """What is known of a replacement before anything is done."""
    return JournalEntry(
        state="preparing",
        rollback=rollback,
        method="rename" if plan.method is Method.RENAME else "through SQLite",
        started_time=clock.timestamp(clock.now()),
        database=copy.database,
        backup_time=copy.backup_time,
        journal_mode="wal" if facts.journal_mode == "wal" else "delete" if facts.journal_mode else None,
    )


def stage(replacement: Replacement, journal_mode: str | None) -> None:
    """Bring the proven copy beside the live database, as a file of its own in this journal mode (None: as it is)."""
    source, staged = replacement.copy.path, replacement.staged
    try:
        source.replace(staged)
    except OSError:
        if os.path.lexists(staged):
            staged.unlink()
        shutil.copyfile(source, staged)
    staged.chmod(0o600)
    if journal_mode is not None:
        with closing(sqlite3.connect(staged, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA journal_mode={journal_mode}").fetchone()
    kept.sync(staged)
