"""`invoke backup`: snapshot, check, compress, upload; each database by itself, so one that fails stops no other."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from traceback import extract_tb

from local import clock
from local.backup.connection import connect
from local.backup.context import RunContext, StoppedError
from local.backup.lock import only_run
from local.backup.one_database import deliver
from local.backup.upload import SnapshotUpload, Stored
from local.cloud.redact import scrub
from local.errors import AzureError, PillarError, SourceError
from local.events import Event, Watch
from local.interrupt import if_abandoned
from local.report import BackedUpDatabase, Backup, BackupReport, RefusedDatabase
from local.settings import Database
from local.store import catalog
from local.store.repository import Repository
from local.waiting import settled

DATABASES_AT_ONCE = 4
# What a run compresses before it can be sent, of all its databases: two cores do as much while 1 GB is copied.
EARLY_BYTES = 96 * 1024 * 1024


def back_up(
    open_repository: Callable[[], Repository],
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[SnapshotUpload], Stored] = SnapshotUpload.deliver,
    *,
    full: bool = False,
) -> BackupReport:
    """Back up every database into the repository, a few at a time; with `SnapshotUpload.preview` all but the last step.

    A database whose files are as they were when they were last read today is not read, unless `full` asks for it.

    `folder` is this machine's own for the store: the lock, the cache and the snapshots are there.

    Raises LockHeldError while another run is under way, and the store's errors where it cannot be reached at all; what
    befalls a single database is in the report.
    """
    started, begin = clock.now(), time.monotonic()
    with only_run(folder / "lock"):
        # Whatever stands there was left by a run that was killed, since this one holds the lock.
        sweep = partial(shutil.rmtree, folder / "work", ignore_errors=True)
        sweep()
        try:
            with if_abandoned(sweep):
                results = _run_all(open_repository, databases, folder, watch, finish, full)
        finally:
            # A signal that comes while a pool starts a thread leaves one that the pool does not know and waits for.
            sweep()
    backup = Backup(
        id=f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}",
        started=clock.timestamp(started),
        seconds=round(time.monotonic() - begin, 3),
        verdict="failed" if any(result.verdict == "failed" for result in results) else "passed",
        check=finish is SnapshotUpload.preview,
    )
    return BackupReport(backup, tuple(results))


def _run_all(
    open_repository: Callable[[], Repository],
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[SnapshotUpload], Stored],
    full: bool,
) -> list[BackedUpDatabase]:
    stop = threading.Event()
    # Besides the compression, each database keeps one thread busy with its check and one with its digest.
    with (
        ExitStack() as locks,
        ThreadPoolExecutor((os.cpu_count() or 1) + 2, "chunk") as pool,
        ThreadPoolExecutor(DATABASES_AT_ONCE, "database") as at_once,
    ):
        delivers = finish is SnapshotUpload.deliver
        locking = locks if delivers else None
        connection = pool.submit(connect, open_repository, [database.name for database in databases], locking, watch)
        early_bytes = EARLY_BYTES // max(1, min(len(databases), DATABASES_AT_ONCE)) if delivers else 0
        context = RunContext(connection, folder, pool, watch, finish, stop, full, early_bytes)
        try:
            jobs = [at_once.submit(_back_up_one, database, context) for database in databases]
            settled([connection])
            connection.result()
            settled(jobs)
            return [job.result() for job in jobs]
        except BaseException:
            stop.set()
            at_once.shutdown(cancel_futures=True)
            raise


def _back_up_one(database: Database, context: RunContext) -> BackedUpDatabase:
    begin, started = time.monotonic(), clock.now()
    try:
        stored = deliver(database, context)
        _tell_of_clock(database.name, started, context)
    except StoppedError:
        raise
    except Exception as error:
        text = _told(error, database.name, context.folder)
        context.watch(Event(database.name, "failed", verdict="failed"))  # why stands once, below the table
        kind = RefusedDatabase if isinstance(error, AzureError) else BackedUpDatabase
        return kind(database.name, "failed", seconds=round(time.monotonic() - begin, 3), error=text)
    done = "stored" if context.finish is SnapshotUpload.deliver else "would be stored"
    context.watch(Event(database.name, f"{done} as {stored.blob}", verdict="passed"))
    return BackedUpDatabase(
        name=database.name,
        verdict="passed",
        blob=stored.blob,
        backup_time=clock.timestamp(stored.recorded.taken) if stored.recorded.taken else None,
        sha256=stored.recorded.sha256,
        database_bytes=stored.recorded.raw_bytes,
        gzip_bytes=stored.gzip_bytes,
        uploaded_bytes=stored.sent,
        changed=None if stored.changed is None else round(stored.changed, 6),
        read=stored.read,
        seconds=round(time.monotonic() - begin, 3),
    )


def _tell_of_clock(name: str, started: datetime, context: RunContext) -> None:
    """A backup that the store held before this run cannot have been taken after it."""
    latest = catalog.newest(context.connection.result().points, name)
    if latest and latest.taken > started:
        text = (
            f"this machine's clock says {clock.timestamp(started)}, and the store holds a backup of "
            f"{clock.timestamp(latest.taken)}: one of the clocks is wrong (date -u); drills and restores take the "
            "newest that is not in the future"
        )
        context.tell(name, [text])


def _told(error: Exception, name: str, folder: Path) -> str:
    """What went wrong and what mends it; an error of the operating system comes from this machine's own folder.

    Anything else is a bug, which is this database's alone: it is told with its place, for whoever reports it.
    """
    if isinstance(error, OSError):
        error = SourceError(f"backup of {name}", error.strerror or str(error), f"check that disk: df -h {folder}")
    if not isinstance(error, PillarError):
        place = extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        error = SourceError(f"backup of {name}", f"{where}: {scrub(str(error))}", "this is a bug: please report it")
    return f"{error}; {error.mend}" if error.mend else str(error)
