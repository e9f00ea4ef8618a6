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
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from local import clock
from local.archive.cache import Cache
from local.backup import snapshot
from local.backup.lock import only_run
from local.backup.upload import Delivered, Delivery, Target
from local.errors import PillarError, SourceError
from local.events import Event, Watch
from local.report import BackedUpDatabase, Backup, BackupReport
from local.settings import AzureSettings, Database, StoreSettings
from local.store import catalog, layout
from local.store.catalog import Point
from local.store.interface import Store
from local.store.open import open_store
from local.waiting import settled

_AT_ONCE = 4


class _StoppedError(Exception):
    """The run was interrupted; raised in the threads that work for it."""


@dataclass(frozen=True)
class Connection:
    """The store, and the newest points in time that it holds."""

    store: Store
    prefix: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Run:
    """What the databases of one run share; `connection` is made while the first snapshots are taken."""

    connection: Future[Connection]
    folder: Path
    pool: Executor
    watch: Watch
    finish: Callable[[Delivery], Delivered]
    stop: threading.Event


def back_up(
    store: StoreSettings,
    azure: AzureSettings,
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[Delivery], Delivered] = Delivery.deliver,
) -> BackupReport:
    """Back up every database into the store, a few at a time; with `Delivery.preview` all but the last step.

    `folder` is this machine's own for the store: the lock, the cache and the snapshots are there.

    Raises LockHeldError while another run is under way, and the store's errors where it cannot be reached at all; what
    befalls a single database is in the report.
    """
    started, begin = clock.now(), time.monotonic()
    with only_run(folder / "lock"):
        # Whatever stands there was left by a run that was killed, since this one holds the lock.
        shutil.rmtree(folder / "work", ignore_errors=True)
        results = _run_all(store, azure, databases, folder, watch, finish)
    verdict: Literal["passed", "failed"] = "failed" if any(one.verdict == "failed" for one in results) else "passed"
    run_id = f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}"
    seconds = round(time.monotonic() - begin, 3)
    return BackupReport(Backup(run_id, clock.timestamp(started), seconds, verdict), tuple(results))


def _run_all(
    store: StoreSettings,
    azure: AzureSettings,
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[Delivery], Delivered],
) -> list[BackedUpDatabase]:
    stop = threading.Event()
    # Besides the compression, each database keeps one thread busy with its check and one with its digest.
    with (
        ThreadPoolExecutor((os.cpu_count() or 1) + 2, "chunk") as pool,
        ThreadPoolExecutor(_AT_ONCE, "database") as at_once,
    ):
        connection = pool.submit(_connect, store, azure, [database.name for database in databases])
        run = Run(connection, folder, pool, watch, finish, stop)
        jobs = [at_once.submit(_back_up_one, database, run) for database in databases]
        try:
            settled([connection])
            connection.result()
            settled(jobs)
            return [job.result() for job in jobs]
        except BaseException:
            stop.set()
            at_once.shutdown(cancel_futures=True)
            raise


def _connect(store: StoreSettings, azure: AzureSettings, names: Sequence[str]) -> Connection:
    opened = open_store(store, azure)
    return Connection(opened, store.prefix, _newest_points(opened, store.prefix, names, datetime.now(UTC).date()))


def _newest_points(store: Store, prefix: str, names: Sequence[str], today: date) -> tuple[Point, ...]:
    """The points of today and yesterday, or all where a database has none there: years of backups list slowly."""
    entries = [entry for day in (today - timedelta(days=1), today) for entry in store.entries(f"{prefix}/{day}")]
    recent = catalog.from_entries(entries, prefix)
    if {point.database for point in recent}.issuperset(names):
        return recent
    return catalog.points(store, prefix)


def _back_up_one(database: Database, run: Run) -> BackedUpDatabase:
    begin = time.monotonic()
    try:
        delivered = _deliver(database, run)
    except (PillarError, OSError) as error:
        text = _told(error, database.name, run.folder)
        run.watch(Event(database.name, f"failed: {text}"))
        return BackedUpDatabase(database.name, "failed", seconds=round(time.monotonic() - begin, 3), error=text)
    run.watch(
        Event(database.name, f"{'stored' if run.finish is Delivery.deliver else 'would be stored'} as {delivered.blob}")
    )
    return BackedUpDatabase(
        name=database.name,
        verdict="passed",
        blob=delivered.blob,
        sha256=delivered.recorded.sha256,
        database_bytes=delivered.recorded.raw_bytes,
        gzip_bytes=delivered.gzip_bytes,
        uploaded_bytes=delivered.sent,
        changed=round(delivered.changed, 6),
        seconds=round(time.monotonic() - begin, 3),
    )


def _told(error: PillarError | OSError, name: str, folder: Path) -> str:
    """What went wrong and what mends it; an error of the operating system comes from this machine's own folder."""
    if isinstance(error, OSError):
        error = SourceError(f"backup of {name}", error.strerror or str(error), f"check that disk: df -h {folder}")
    return f"{error}; {error.mend}" if error.mend else str(error)


def _deliver(database: Database, run: Run) -> Delivered:
    work_folder = run.folder / "work"
    work_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=work_folder, prefix=f"{database.name}-") as folder:
        copy = Path(folder, "snapshot.db")
        run.watch(Event(database.name, f"snapshot of {database.path}"))
        taken = clock.now()
        prepared = run.pool.submit(_prepare, database.name, taken, run.connection)
        snapshot.take(database.path, copy, advance=lambda _: _go_on(run))
        with Cache(run.folder / "cache" / database.name) as cache:
            return run.finish(
                Delivery(
                    name=database.name,
                    taken=taken,
                    copy=copy,
                    cache=cache,
                    store=run.connection.result().store,
                    target=prepared,
                    pool=run.pool,
                    advance=_progress(database.name, copy.stat().st_size, run),
                )
            )


def _prepare(name: str, taken: datetime, connection: Future[Connection]) -> Target:
    """Where the archive goes, found out while the snapshot is taken: a long block list takes the service a while."""
    found = connection.result()
    blob = layout.data_name(found.prefix, taken.date(), name)
    base = catalog.choose((point for point in found.points if point.current), name)
    return Target(blob, base, found.store.upload(blob, base.entry if base else None))


def _progress(name: str, total: int, run: Run) -> Callable[[int], None]:
    done = 0

    def advance(raw_bytes: int) -> None:
        nonlocal done
        _go_on(run)
        done += raw_bytes
        run.watch(Event(name, "uploading", done, total))

    return advance


def _go_on(run: Run) -> None:
    if run.stop.is_set():
        raise _StoppedError
