"""`invoke backup`: snapshot, check, compress, upload; each database by itself, so one that fails stops no other."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from traceback import extract_tb

from local import clock
from local.archive.private_folder import make_private
from local.backup import expectations, snapshot
from local.backup.former import FormerBackup, find_former
from local.backup.lock import only_run
from local.backup.upload import DatabaseUpload, Destination, Stored
from local.cloud.redact import scrub
from local.errors import AzureError, PillarError, SourceError
from local.events import Event, Watch
from local.interrupt import if_abandoned
from local.report import BackedUpDatabase, Backup, BackupReport, RefusedDatabase
from local.settings import Database
from local.store import catalog, layout
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.repository import Repository
from local.waiting import settled

DATABASES_AT_ONCE = 4


class _StoppedError(Exception):
    """The run was interrupted; raised in the threads that work for it."""


@dataclass(frozen=True)
class Connection:
    """The repository, and the newest points in time that it holds."""

    repository: Repository
    points: tuple[Point, ...]


@dataclass(frozen=True)
class RunContext:
    """What the databases of one run share; `connection` is made while the first snapshots are taken.

    `finish` is `DatabaseUpload.deliver`, or `DatabaseUpload.preview` where nothing is to be changed.
    """

    connection: Future[Connection]
    folder: Path
    pool: Executor
    watch: Watch
    finish: Callable[[DatabaseUpload], Stored]
    stop: threading.Event


def back_up(
    open_repository: Callable[[], Repository],
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[DatabaseUpload], Stored] = DatabaseUpload.deliver,
) -> BackupReport:
    """Back up every database into the repository, a few at a time; with `DatabaseUpload.preview` all but the last step.

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
                results = _run_all(open_repository, databases, folder, watch, finish)
        finally:
            # A signal that comes while a pool starts a thread leaves one that the pool does not know and waits for.
            sweep()
    backup = Backup(
        id=f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}",
        started=clock.timestamp(started),
        seconds=round(time.monotonic() - begin, 3),
        verdict="failed" if any(result.verdict == "failed" for result in results) else "passed",
        check=finish is DatabaseUpload.preview,
    )
    return BackupReport(backup, tuple(results))


def _run_all(
    open_repository: Callable[[], Repository],
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[DatabaseUpload], Stored],
) -> list[BackedUpDatabase]:
    stop = threading.Event()
    # Besides the compression, each database keeps one thread busy with its check and one with its digest.
    with (
        ExitStack() as locks,
        ThreadPoolExecutor((os.cpu_count() or 1) + 2, "chunk") as pool,
        ThreadPoolExecutor(DATABASES_AT_ONCE, "database") as at_once,
    ):
        locking = locks if finish is DatabaseUpload.deliver else None
        connection = pool.submit(_connect, open_repository, [database.name for database in databases], locking, watch)
        context = RunContext(connection, folder, pool, watch, finish, stop)
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


def _connect(
    open_repository: Callable[[], Repository], names: Sequence[str], locks: ExitStack | None, watch: Watch
) -> Connection:
    repository, now = open_repository(), clock.now()
    if locks:
        locks.enter_context(repository.store.lock())
    entries = repository.recent_entries(names, now.date())
    if locks:
        for left in catalog.abandoned(entries, repository.prefix, names, now):
            _discard(repository, left, watch)
    return Connection(repository, catalog.from_entries(entries, repository.prefix))


def _discard(repository: Repository, left: Entry, watch: Watch) -> None:
    """What a killed run began on another day; no reader takes it for a backup, so it need not keep this run."""
    try:
        repository.store.discard(left)
    except PillarError as error:
        watch(Event("backup", f"the unfinished {left.name} of a killed run stands there still: {error}", lasting=True))


def _back_up_one(database: Database, context: RunContext) -> BackedUpDatabase:
    begin, started = time.monotonic(), clock.now()
    try:
        stored = _deliver(database, context)
        _tell_of_clock(database.name, started, context)
    except _StoppedError:
        raise
    except Exception as error:
        text = _told(error, database.name, context.folder)
        context.watch(Event(database.name, "failed", verdict="failed"))  # why stands once, below the table
        kind = RefusedDatabase if isinstance(error, AzureError) else BackedUpDatabase
        return kind(database.name, "failed", seconds=round(time.monotonic() - begin, 3), error=text)
    done = "stored" if context.finish is DatabaseUpload.deliver else "would be stored"
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
        context.watch(Event(name, text, lasting=True))


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


def _deliver(database: Database, context: RunContext) -> Stored:
    _go_on(context)
    work_folder = context.folder / "work"
    make_private(work_folder)
    with tempfile.TemporaryDirectory(dir=work_folder, prefix=f"{database.name}-") as folder:
        copy = Path(folder, "snapshot.db")
        context.watch(Event(database.name, f"snapshot of {database.path}"))
        prepared = context.pool.submit(_prepare, database.name, clock.now().date(), context)
        taken = snapshot.take(database.path, copy, advance=lambda _: _go_on(context))
        destination = prepared.result()
        store = context.connection.result().repository.store
        if destination.day != taken.date():
            # Midnight came in between.
            destination = _prepare(database.name, taken.date(), context)
        upload = DatabaseUpload(
            name=database.name,
            taken=taken,
            copy=copy,
            store=store,
            destination=destination,
            cache=None if store.local else _cache_of(database.name, context),
            pool=context.pool,
            watch=context.watch,
            advance=_progress(database.name, copy.stat().st_size, context),
            keep_copy=bool(database.checks),
        )
        return _finish_and_look(upload, database, context)


def _finish_and_look(upload: DatabaseUpload, database: Database, context: RunContext) -> Stored:
    with expectations.evaluated(database, upload.copy, upload.taken) as answers:
        stored = context.finish(upload)
        # A long list of tables is not in the metadata, which is all that is known of content that did not change.
        rows = stored.recorded.rows
        warnings = [] if rows is None else expectations.floor_warnings(database.rows, rows)
        warnings += expectations.check_warnings(answers(lambda: _go_on(context)))
    for text in warnings:
        context.watch(Event(database.name, text, lasting=True))
    return stored


def _prepare(name: str, day: date, context: RunContext) -> Destination:
    """Where the archive goes, found out while the snapshot is taken: a long block list takes the service a while."""
    found = context.connection.result()
    store = found.repository.store
    blob = layout.data_name(found.repository.prefix, day, name)
    newest = catalog.choose((point for point in found.points if point.current), name)
    former = find_former(store, newest, _cache_of(name, context))
    upload = store.upload(blob, newest.entry if newest else None)
    if former.blocks is not None and former.blocks != upload.base_blocks:
        # Something else was written under that name since: its bytes are not those that are remembered.
        former = FormerBackup(newest)
    return Destination(day, blob, former, upload)


def _cache_of(name: str, context: RunContext) -> Path:
    return context.folder / "cache" / name


def _progress(name: str, total: int, context: RunContext) -> Callable[[int], None]:
    done = 0

    def advance(raw_bytes: int) -> None:
        nonlocal done
        _go_on(context)
        done += raw_bytes
        context.watch(Event(name, "uploading", done, total))

    return advance


def _go_on(context: RunContext) -> None:
    if context.stop.is_set():
        raise _StoppedError
