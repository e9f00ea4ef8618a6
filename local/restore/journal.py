"""What a restore is about to do, written down before it does it, so that the next command knows what a kill left.

    preparing → keeping → replacing → committed → (gone)
                                      committed → undoing → (gone)

It is read back as a stranger's: names in it are only ever those of the live database's own pre-restore copies.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from local.restore.claim import JOURNAL_FILE
from local.settings import NAME
from local.store.durable import sync_file, sync_folder
from local.typed import from_json

State = Literal["preparing", "keeping", "replacing", "committed", "undoing"]
_NEW_FILE = "journal.new"
_LARGEST_BYTES = 64_000
_Moment = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
_Database = Annotated[str, msgspec.Meta(pattern=rf"^{NAME.pattern}\Z", max_length=300)]
_Name = Annotated[str, msgspec.Meta(max_length=300)]


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="journal", tag=1):
    """One restore under way.

    `kept` and `meanwhile` are the file names of the copies that it makes beside the live database, `…_inode` the
    numbers of files that it makes or finds: what has another one is somebody else's. `journal_mode` is the one that
    the live database is to have afterwards. `database` is its name in the configuration, `backup_time` when the backup
    was taken that replaces it: both are for people.
    """

    state: State
    rollback: bool
    method: Literal["through SQLite", "rename"]
    started_time: _Moment
    database: _Database | None = None
    backup_time: _Moment | None = None
    journal_mode: Literal["wal", "delete"] | None = None
    kept: _Name | None = None
    kept_inode: int | None = None
    restored_inode: int | None = None
    meanwhile: _Name | None = None
    meanwhile_inode: int | None = None


class DamagedJournalError(Exception):
    """What stands there is no journal of ours, for this database; says why."""


def write(folder: Path, entry: JournalEntry) -> None:
    """Put the entry in the place of the one before; it is on the disk when this returns."""
    new = folder / _NEW_FILE
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, msgspec.json.encode(entry))
        sync_file(descriptor)
    finally:
        os.close(descriptor)
    new.replace(folder / JOURNAL_FILE)
    sync_folder(folder)


def read(folder: Path, live: Path) -> JournalEntry | None:
    """The entry of a restore of `live`, None if there is none; DamagedJournalError for anything else."""
    try:
        descriptor = os.open(folder / JOURNAL_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedJournalError(error.strerror or str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DamagedJournalError("it is no regular file")
        content = os.read(descriptor, _LARGEST_BYTES)
    finally:
        os.close(descriptor)
    return _decoded(content, live)


def remove(folder: Path) -> None:
    """The restore is over: from now on there is nothing to finish."""
    (folder / JOURNAL_FILE).unlink(missing_ok=True)
    sync_folder(folder)


def kept_name(live: Path) -> re.Pattern[str]:
    """The names of this database's pre-restore copies, and of what was kept beside them; group 1 is the time."""
    return re.compile(re.escape(live.name) + r"\.pre-restore-(\d{1,12})(-wal|-shm|-journal)?")


def _decoded(content: bytes, live: Path) -> JournalEntry:
    try:
        entry = from_json(content, JournalEntry)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedJournalError(str(error)) from error
    for name in filter(None, (entry.kept, entry.meanwhile)):
        match = kept_name(live).fullmatch(name)
        if match is None or match[2]:
            raise DamagedJournalError(f"it names {name!r}, which is no copy of this database")
    return entry
