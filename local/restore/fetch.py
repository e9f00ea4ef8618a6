"""The chosen backup brought into a private file by the drill itself: the file that is kept is the one that passed."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from local.drill.run import run_program
from local.drill_program.distrust import confine
from local.drill_program.download import OVERWRITTEN
from local.drill_program.tables import schema_digest
from local.errors import InconclusiveError
from local.events import Watch
from local.report import DrilledDatabase
from local.restore.proven import ProvenCopy
from local.restore.source import BackupSource
from local.store.durable import sync_file

# Each overwriting of one is a backup of its own, minutes apart.
_TRIES = 3


@dataclass(frozen=True)
class FetchedBackup:
    """What the five steps found, and the copy that passed them all (None: nothing is kept)."""

    drilled: DrilledDatabase
    copy: ProvenCopy | None


@dataclass(frozen=True)
class FetchedFile:
    """What the five steps found, and the file with what they restored (None: nothing is kept)."""

    drilled: DrilledDatabase
    path: Path | None


def fetch(source: BackupSource, folder: Path, watch: Watch) -> FetchedBackup:
    """Fetch a database's backup as `fetch_file` does, and count in it what a restore compares."""
    found = fetch_file(source, folder, watch)
    return FetchedBackup(found.drilled, _counted(found.path, found.drilled) if found.path else None)


def fetch_file(source: BackupSource, folder: Path, watch: Watch) -> FetchedFile:
    """Drill the backup in a process of its own, and keep what it restored in `folder`, if it passes: a database, a tar.

    Where a backup of the same day takes its name meanwhile, it is found again as that day's former content.
    Raises InconclusiveError where the program gave no whole verdict, or kept another file than it proved.
    """
    for _ in range(_TRIES):
        found = _fetched(source, folder, watch)
        if found.drilled.verdict == "passed" or found.drilled.steps[-1].detail != OVERWRITTEN:
            break
    return found


def _fetched(source: BackupSource, folder: Path, watch: Watch) -> FetchedFile:
    targets = source.targets()
    if targets.missing:
        return FetchedFile(targets.missing[0], None)
    (target,) = targets.found
    # The program of a restore that was killed may still be at work there, and removes what is under its own name.
    path = folder.absolute() / f"restored-{secrets.token_hex(8)}"
    (drilled,) = run_program([replace(target, keep=str(path))], watch).drilled
    if drilled.verdict != "passed":
        return FetchedFile(drilled, None)
    _check_kept(path, drilled)
    return FetchedFile(drilled, path)


def _check_kept(path: Path, drilled: DrilledDatabase) -> None:
    """The file that the program kept is on the disk; nothing but this user could write to it since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        found = os.fstat(descriptor)
        if (found.st_size, stat.S_IMODE(found.st_mode)) != (drilled.database_bytes, 0o600) or sidecars(path):
            raise InconclusiveError("restore: keep what was proven", f"{path} is another file", "run it again")
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def _counted(path: Path, drilled: DrilledDatabase) -> ProvenCopy:
    counted = {name: count.restored for name, count in drilled.rows.items() if count.restored is not None}
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        confine(connection)
        return ProvenCopy(path, counted, schema_digest(connection), drilled.name, drilled.backup_time)


def sidecars(path: Path) -> tuple[Path, ...]:
    """What lies beside a database file that SQLite would read with it: its -wal, -shm and -journal."""
    beside = (path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))
    return tuple(each for each in beside if os.path.lexists(each))
