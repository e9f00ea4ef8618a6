"""A proven copy in the place of a live database: the former content is kept first, and comes back if anything fails."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from local import interrupt
from local.errors import InconclusiveError, PillarError, SourceError
from local.events import Event, Watch
from local.restore import journal, kept
from local.restore.by_rename import ByRename
from local.restore.claim import JOURNAL_FILE, claimed, real_path, work_folder
from local.restore.facts import copy_facts, look
from local.restore.holders import holders
from local.restore.plan import Method, RestoreRefusal, decide
from local.restore.proven import ProvenCopy
from local.restore.recover import recover_claimed
from local.restore.replacement import Replacement, first_entry
from local.restore.through_sqlite import StaysLockedError
from local.restore.under_locks import UnderLocks
from local.restore.verify import Verified, verify
from local.restore.ways import Way

__all__ = ["Checks", "LiveRestore", "RestoreJob", "carry_out", "restore_live", "work_folder"]

Checks = Callable[[Path], str | None]


@dataclass(frozen=True)
class LiveRestore:
    """What came of it.

    `kept` is the pre-restore copy (None where nothing stood there, or where it was put back itself); `why` it was
    `rolled_back`, and `kept_meanwhile` what programs had written by then. `surplus` are the files of copies beyond
    the number to be kept; `counts_compared` is False where another program had written before they could be.
    `can_be_undone`: what was kept is a database, so that a rollback can go back to it.
    """

    kept: Path | None
    rolled_back: bool
    why: str | None
    kept_meanwhile: Path | None
    surplus: tuple[Path, ...]
    counts_compared: bool
    can_be_undone: bool


@dataclass(frozen=True)
class RestoreJob:
    """Replace `live` by `copy`; it is final once `checks` finds nothing (None)."""

    live: Path
    copy: ProvenCopy
    checks: Checks
    keep_copies: int
    rollback: bool


def restore_live(live: Path, copy: ProvenCopy, checks: Checks, keep_copies: int, watch: Watch) -> LiveRestore:
    """Put `copy` in the place of the live database, whose content is kept as a pre-restore copy first.

    Open connections survive, or it is refused before anything is touched. Owner, mode and journal mode stay. Whatever
    fails afterwards, `checks` or Ctrl-C included, brings the former content back. `checks` must open the file through
    SQLite alone, or in another process. `copy.path` is moved away where it is on the live database's file system.

    Raises InconclusiveError where it could not be begun, LockHeldError while another process restores it.
    """
    return carry_out(RestoreJob(live, copy, checks, keep_copies, rollback=False), watch)


def carry_out(job: RestoreJob, watch: Watch) -> LiveRestore:
    """Do the job, from its facts to its end, or to the former content."""
    path = real_path(job.live)
    with claimed(path) as folder:
        _clear_up(path, folder, watch)
        replacement, method = _planned(job, folder, watch)
        with _not_begun(path):
            way: Way = ByRename(replacement) if method is Method.RENAME else UnderLocks(replacement)
        with way:
            interrupt.check()
            with _begun(way, replacement):
                way.replace()
            return _judged(job, way, replacement)


def _clear_up(live: Path, folder: Path, watch: Watch) -> None:
    """What an earlier one left comes first; its journal is the only word of it."""
    if not os.path.lexists(folder / JOURNAL_FILE):
        return
    recovered = recover_claimed(live, folder)
    if recovered.stuck:
        raise InconclusiveError(f"restore of {live}", str(recovered.told), "mend that first, and start again")
    if recovered.told:
        watch(Event(live.name, recovered.told, lasting=True))


def _planned(job: RestoreJob, folder: Path, watch: Watch) -> tuple[Replacement, Method]:
    with _not_begun(job.live):
        facts = look(job.live)
        plan = decide(facts, copy_facts(job.copy.path, facts.path.parent))
    if isinstance(plan, RestoreRefusal):
        who = f"; open in: {facts.holders}" if facts.holders.processes or facts.holders.untold else ""
        raise InconclusiveError(f"restore of {facts.path}", f"{plan.reason}{who}; nothing was touched", plan.mend)
    return Replacement(facts, folder, job.copy, first_entry(facts, plan, job.copy, job.rollback), watch), plan.method


@contextmanager
def _begun(way: Way, replacement: Replacement) -> Iterator[None]:
    """Whatever ends it in here is undone, whether the new content was committed already or not."""
    with _not_begun(replacement.live):
        try:
            journal.write(replacement.folder, replacement.entry)
            yield
            replacement.note("committed")
        except BaseException:
            _take_back(way, replacement)
            raise


def _take_back(way: Way, replacement: Replacement) -> None:
    try:
        committed = way.is_committed()
        if not committed:
            way.clear()
    except (PillarError, sqlite3.Error, OSError) as error:
        told = f"it was cut short, and cannot be cleared away yet ({error}); the next command does that, and says so"
        mend = f"mend the cause first: df -h {quote(str(replacement.live.parent))}"
        raise PillarError(f"restore of {replacement.live}", told, mend) from error
    if committed:
        with _undoing(replacement):
            way.undo()
    replacement.end()


def _judged(job: RestoreJob, way: Way, replacement: Replacement) -> LiveRestore:
    try:
        found = _checked(job, way, replacement)
    except BaseException:
        with _undoing(replacement):
            way.undo()
        replacement.end()
        interrupt.leaves(f"{replacement.live} holds its former content again")
        raise
    if found.why is not None:
        with _undoing(replacement):
            way.undo()
    else:
        way.finish()
    replacement.end()
    surplus = kept.surplus(replacement.live, job.keep_copies)
    return LiveRestore(
        kept=replacement.kept,
        rolled_back=found.why is not None,
        why=found.why,
        kept_meanwhile=replacement.meanwhile,
        surplus=surplus,
        counts_compared=found.counts_compared,
        can_be_undone=replacement.entry.method == "through SQLite",
    )


def _checked(job: RestoreJob, way: Way, replacement: Replacement) -> Verified:
    """What we find first, then what the caller finds; where it can find nothing out, that is what it found."""
    try:
        replacement.say("check the live database")
        found = verify(way.connection, job.copy, way.is_written)
        if found.why is None:
            found = Verified(job.checks(replacement.live), found.counts_compared)
        if found.why is not None:
            replacement.say(f"roll back, since {found.why}")
        return found
    except (PillarError, sqlite3.Error, OSError) as error:
        return Verified(f"it could not be checked: {error}", False)


@contextmanager
def _not_begun(live: Path) -> Iterator[None]:
    """What the system or SQLite refuses in here, as the error that says that nothing was changed."""
    doing = f"restore of {live}"
    try:
        yield
    except StaysLockedError as error:
        came_back = f"other programs kept it locked ({error}); nothing was changed; open in: {holders(real_path(live))}"
        raise InconclusiveError(
            doing, came_back, "let them end their transactions, or stop them, and try again"
        ) from error
    except SourceError as error:
        raise InconclusiveError(
            error.doing, f"{error.came_back}; the live database is as it was", error.mend
        ) from error
    except (sqlite3.Error, OSError) as error:
        told = (error.strerror if isinstance(error, OSError) else None) or str(error)
        mend = f"check that folder's rights and its free space: df -h {quote(str(live.parent))}"
        raise InconclusiveError(doing, f"{told}; the live database is as it was", mend) from error


@contextmanager
def _undoing(replacement: Replacement) -> Iterator[None]:
    """Where the former content cannot be brought back, it says where everything is."""
    try:
        yield
    except (StaysLockedError, SourceError, sqlite3.Error, OSError) as error:
        told = (error.strerror if isinstance(error, OSError) else None) or str(error)
        where = f"the live database holds the restored backup, {replacement.kept or 'nowhere else'} the former content"
        mend = (
            f"look at both, free the database or the disk, then roll back: ls -la {quote(str(replacement.live.parent))}"
        )
        raise PillarError(
            f"restore of {replacement.live}: put the former content back", f"{told}; {where}", mend
        ) from error
