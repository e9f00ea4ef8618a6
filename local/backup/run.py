"""`invoke backup`: snapshot, check, compress, upload; each source by itself, so one that fails stops no other."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local import clock
from local.backup.connection import Connection, connect, opened
from local.backup.context import RunContext
from local.backup.engine_turns import EngineTurns
from local.backup.lock import only_run
from local.backup.outcome import BackedUpSource, back_up_one, database_source, volume_source
from local.backup.upload import SnapshotUpload, Stored
from local.events import Watch
from local.interrupt import if_abandoned
from local.report import BackedUpDatabase, BackedUpVolume, Backup, BackupReport
from local.settings import Database, Volume
from local.store.repository import Repository
from local.store.shelf import VOLUMES, Shelf
from local.waiting import settled

SOURCES_AT_ONCE = 4
# What a run compresses before it can be sent, of all its databases: two cores do as much while 1 GB is copied.
EARLY_BYTES = 96 * 1024 * 1024


@dataclass(frozen=True)
class _Run:
    """What `back_up` was asked for."""

    open_repository: Callable[[], Repository]
    databases: Sequence[Database]
    volumes: Sequence[Volume]
    folder: Path
    watch: Watch
    finish: Callable[[SnapshotUpload], Stored]
    full: bool

    @property
    def checking(self) -> bool:
        return self.finish is SnapshotUpload.preview


def back_up(
    open_repository: Callable[[], Repository],
    databases: Sequence[Database],
    folder: Path,
    watch: Watch,
    finish: Callable[[SnapshotUpload], Stored] = SnapshotUpload.deliver,
    *,
    volumes: Sequence[Volume] = (),
    full: bool = False,
) -> BackupReport:
    """Back up every database and every volume into the repository's store, a few at a time; with
    `SnapshotUpload.preview` all but the last step.

    A database whose files are as they were when they were last read today is not read, unless `full` asks for it.

    `folder` is this machine's own for the store: the lock, the cache and the snapshots are there.

    Raises LockHeldError while another run is under way, and the store's errors where it cannot be reached at all; what
    befalls a single database or volume is in the report.
    """
    started, begin = clock.now(), time.monotonic()
    run = _Run(open_repository, databases, volumes, folder, watch, finish, full)
    with only_run(folder / "lock"):
        # Whatever stands there was left by a run that was killed, since this one holds the lock.
        sweep = partial(shutil.rmtree, folder / "work", ignore_errors=True)
        sweep()
        try:
            with if_abandoned(sweep):
                results = _run_all(run)
        finally:
            # A signal that comes while a pool starts a thread leaves one that the pool does not know and waits for.
            sweep()
    backup = Backup(
        id=f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}",
        started=clock.timestamp(started),
        seconds=round(time.monotonic() - begin, 3),
        verdict="failed" if any(result.verdict == "failed" for result in results) else "passed",
        check=run.checking,
    )
    of_volumes = tuple(result for result in results if isinstance(result, BackedUpVolume))
    return BackupReport(backup, tuple(results[: len(databases)]), of_volumes)


def _run_all(run: _Run) -> list[BackedUpDatabase]:
    """The results, those of the databases first."""
    stop = threading.Event()
    # Besides the compression, each source keeps one thread busy with its check and one with its digest.
    with (
        ExitStack() as locks,
        closing(EngineTurns()) as engines,
        ThreadPoolExecutor((os.cpu_count() or 1) + 2, "chunk") as pool,
        ThreadPoolExecutor(SOURCES_AT_ONCE, "source") as at_once,
    ):
        connections: list[Future[Connection]] = []
        jobs: list[Future[BackedUpDatabase]] = []
        try:
            for context, sources in _begun(run, locks, pool, engines, stop):
                connections.append(context.connection)
                jobs += [at_once.submit(back_up_one, source, context) for source in sources]
            settled(connections)
            for connection in connections:
                connection.result()
            settled(jobs)
            return [job.result() for job in jobs]
        except BaseException:
            stop.set()
            at_once.shutdown(cancel_futures=True)
            raise


def _begun(
    run: _Run, locks: ExitStack, pool: ThreadPoolExecutor, engines: EngineTurns, stop: threading.Event
) -> Iterator[tuple[RunContext, Iterator[BackedUpSource]]]:
    """Each kind's context with its sources; of a kind without any, nothing in the store is looked at."""
    repository = pool.submit(opened, run.open_repository, None if run.checking else locks)

    def context(names: Sequence[str], shelf: Shelf | None, caches: str, early_bytes: int) -> RunContext:
        connection = pool.submit(_connect, run, repository, shelf, names)
        return RunContext(
            connection, run.folder, pool, run.watch, run.finish, stop, run.full, early_bytes, run.folder / caches
        )

    if run.databases:
        names = [database.name for database in run.databases]
        early_bytes = 0 if run.checking else EARLY_BYTES // min(len(names), SOURCES_AT_ONCE)
        yield context(names, None, "cache", early_bytes), map(database_source, run.databases)
    if run.volumes:
        names = [volume.name for volume in run.volumes]
        yield context(names, VOLUMES, "volumes", 0), (volume_source(volume, engines) for volume in run.volumes)


def _connect(run: _Run, repository: Future[Repository], shelf: Shelf | None, names: Sequence[str]) -> Connection:
    found = repository.result()
    return connect(found.on(shelf) if shelf else found, names, run.watch, checking=run.checking)
