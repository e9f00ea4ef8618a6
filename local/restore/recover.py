"""What a killed restore left: finished where it had replaced the database, else cleared away; and the words for it.

Past the commit nothing is undone here, since programs may have written: that is the rollback that a person asks for.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from shlex import quote
from typing import Protocol

from local.errors import LockHeldError, SourceError
from local.restore import journal, swap
from local.restore.claim import JOURNAL_FILE, LOCK_FILE, claimed, is_held, real_path, work_folder
from local.restore.journal import DamagedJournalError, JournalEntry
from local.restore.kept import Holds, inode
from local.restore.replacement import STAGED
from local.restore.through_sqlite import OpenLive, StaysLockedError
from local.restore.under_locks import holds

CLEARED_UNBEGUN = "cleared away the files of a restore that was ended by force before it began"


class Begun(Protocol):
    """What is written down of a restore, of a database or a volume, when it begins."""

    @property
    def rollback(self) -> bool: ...

    @property
    def started_time(self) -> str: ...


class Ending(Enum):
    """How a restore that was ended by force comes to its end."""

    CLEAR = "clear away"
    FINISH = "finish"
    UNDONE = "finish the rollback"


@dataclass(frozen=True)
class Recovered:
    """What there was to tell (None: there was nothing), and whether a journal is left that nobody could act on."""

    told: str | None
    stuck: bool = False


def recover(live: Path) -> str | None:
    """Finish or clear away what a killed restore of this database left, and say so; None if there was nothing.

    One that is running is left alone. Where there is nothing it costs one lstat.
    """
    folder = work_folder(live)
    if not os.path.lexists(folder) or is_held(folder):
        return None
    try:
        with claimed(live):
            return recover_claimed(real_path(live), folder).told
    except LockHeldError:
        return None


def recover_claimed(live: Path, folder: Path) -> Recovered:
    """The same for whoever holds the claim; `live` is the real path."""
    try:
        entry = journal.read(folder, live)
    except DamagedJournalError as error:
        return Recovered(_damaged(live, folder, str(error)), stuck=True)
    if entry is None:
        left = {each.name for each in folder.iterdir()} - {LOCK_FILE}
        return Recovered(CLEARED_UNBEGUN if left else None)
    try:
        found = _found(live, folder, entry)
        ending = judge(entry, found)
        _act(live, entry, ending, found)
    except (SourceError, StaysLockedError, sqlite3.Error, OSError) as error:
        told = f"{ended_by_force(entry)}, and cannot be finished or cleared away yet: {error}"
        return Recovered(f"{told}; its copies: ls -la {quote(str(live))}*", stuck=True)
    journal.remove(folder)
    return Recovered(sentence(live, entry, ending, found))


def judge(entry: JournalEntry, found: Holds) -> Ending:
    """How it ends, by the last thing written down and by what the live database holds."""
    match entry.state, found:
        case (("preparing" | "keeping"), _):
            return Ending.CLEAR
        case "replacing", Holds.FORMER:
            return Ending.CLEAR
        case "undoing", Holds.FORMER:
            return Ending.UNDONE
        case _:
            return Ending.FINISH


def sentence(live: Path, entry: JournalEntry, ending: Ending, found: Holds) -> str:
    """What a person must know of it."""
    begun = ended_by_force(entry)
    if ending is Ending.CLEAR:
        return f"{begun} before it had replaced the database, which is as it was; what it had begun is cleared away"
    if ending is Ending.UNDONE:
        meanwhile = f"; what was written meanwhile: {live.with_name(entry.meanwhile)}" if entry.meanwhile else ""
        return f"{begun} while it was rolled back; the database holds the former content again{meanwhile}"
    former = "nothing had stood there before"
    if entry.kept and entry.kept_inode and entry.method == "rename":
        # No database, so no rollback goes back to it.
        former = f"what stood there before: {live.with_name(entry.kept)}"
    elif entry.kept and entry.kept_inode:
        undo = f"invoke restore {entry.database or 'NAME'} --rollback"
        former = f"the former content: {live.with_name(entry.kept)}; {undo} goes back to it"
    of = f" of {entry.backup_time}" if entry.backup_time else ""
    what = "the copy that it went back to" if entry.rollback else f"the restored backup{of}"
    if found is Holds.UNCLEAR and entry.state in ("replacing", "undoing"):
        return f"{begun} while it replaced the database, which is whole, but may be the former one or {what}; {former}"
    return f"{begun} after it had replaced the database, which holds {what}; its checks were not finished; {former}"


def _found(live: Path, folder: Path, entry: JournalEntry) -> Holds:
    """What the live database holds; only asked where the journal does not say it."""
    if entry.state in ("preparing", "keeping"):
        return Holds.FORMER
    if entry.state == "committed":
        return Holds.RESTORED
    if entry.method == "through SQLite":
        former = live.with_name(entry.kept) if entry.kept else None
        return holds(live, folder, former, folder / STAGED)
    if entry.state == "replacing":
        return Holds.RESTORED if inode(live) == entry.restored_inode else Holds.FORMER
    return Holds.FORMER if inode(live) == entry.kept_inode else Holds.RESTORED


def _act(live: Path, entry: JournalEntry, ending: Ending, found: Holds) -> None:
    if entry.method == "rename":
        _act_by_rename(live, entry, ending)
        return
    if ending is Ending.CLEAR and entry.kept:
        swap.drop(live.with_name(entry.kept), entry.kept_inode)
    if entry.state == "undoing" and found is Holds.RESTORED and entry.meanwhile:
        swap.drop(live.with_name(entry.meanwhile), entry.meanwhile_inode)
    if entry.journal_mode:
        with closing(OpenLive(live)) as database:
            database.set_journal_mode(entry.journal_mode)


def _act_by_rename(live: Path, entry: JournalEntry, ending: Ending) -> None:
    beside = live.with_name(entry.kept) if entry.kept else None
    meanwhile = live.with_name(entry.meanwhile) if entry.meanwhile else None
    if beside and ending in (Ending.CLEAR, Ending.UNDONE):
        swap.move_sidecars(beside, live)
    if beside and ending is Ending.CLEAR:
        swap.drop(beside, entry.kept_inode)
    if meanwhile and ending is Ending.FINISH:
        swap.move_sidecars(meanwhile, live)
        swap.drop(meanwhile, entry.meanwhile_inode)


def ended_by_force(begun: Begun) -> str:
    """With which words what is told of it begins."""
    return f"the {'rollback' if begun.rollback else 'restore'} that began at {begun.started_time} was ended by force"


def _damaged(live: Path, folder: Path, why: str) -> str:
    told = f"a restore was ended by force, and its journal {folder / JOURNAL_FILE} is damaged ({why})"
    look = f"look at the database and its copies (ls -la {quote(str(live))}*)"
    return f"{told}; nothing was touched: {look}, then move that folder away: mv {quote(str(folder))} ~"
