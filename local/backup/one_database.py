"""One database of a run: read and stored, or found as it was and not read."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from local import clock
from local.archive.planner import Planner
from local.archive.private_folder import make_private
from local.backup import database_files, expectations
from local.backup.connection import Connection
from local.backup.database_files import DatabaseFiles
from local.backup.former import FormerBackup, find_former
from local.backup.remembered import RememberedRead, can_be_remembered, is_current, remember, remembered, this_tool
from local.backup.unread import UnreadDatabase, find_unread, kept_content
from local.backup.upload import DatabaseUpload, Destination, Stored
from local.errors import PillarError
from local.events import Event, Watch
from local.settings import Database
from local.sqlite import snapshot
from local.sqlite.snapshot import Follow


class StoppedError(Exception):
    """The run was interrupted; raised in the threads that work for it."""


@dataclass(frozen=True)
class RunContext:
    """What the databases of one run share; `connection` is made while the first snapshots are taken.

    `finish` is `DatabaseUpload.deliver`, or `DatabaseUpload.preview` where nothing is to be changed; with `full` a
    database is read also where its files are as they were; `early_bytes` is how much each may have compressed before it
    can be sent.
    """

    connection: Future[Connection]
    folder: Path
    pool: Executor
    watch: Watch
    finish: Callable[[DatabaseUpload], Stored]
    stop: threading.Event
    full: bool
    early_bytes: int

    def go_on(self) -> None:
        """Raise StoppedError where the run was interrupted."""
        if self.stop.is_set():
            raise StoppedError

    def tell(self, name: str, warnings: Sequence[str]) -> None:
        """What a person must know of a database, though its backup passes."""
        for text in warnings:
            self.watch(Event(name, text, lasting=True))

    def cache_of(self, name: str) -> Path:
        """Where this machine keeps a database's last archive."""
        return self.folder / "cache" / name

    @property
    def checking(self) -> bool:
        """Whether nothing is to be changed."""
        return self.finish is DatabaseUpload.preview


def deliver(database: Database, context: RunContext) -> Stored:
    """Its content is in the store when this returns; raises SourceError, the store's errors, and StoppedError."""
    context.go_on()
    # In this order: what the files say is said of a moment that is not before it.
    now = clock.now()
    files = database_files.look(database.path)
    unread = _unread(database, files, now, context)
    if unread is None:
        return _read(database, files, now, context)
    context.watch(Event(database.name, "unchanged, and not read: its files are as they were when it was last read"))
    stored = unread.preview() if context.checking else unread.deliver()
    context.tell(database.name, _floor_warnings(database, stored))
    return stored


def _unread(
    database: Database, files: DatabaseFiles | None, now: datetime, context: RunContext
) -> UnreadDatabase | None:
    """The database as one that need not be read; None where it must be: its checks, too, ask for its content."""
    if context.full or database.checks or files is None:
        return None
    kept = remembered(context.folder, database.name)
    if kept is None or not is_current(kept, files, now):
        return None
    found, cache = context.connection.result(), context.cache_of(database.name)
    return find_unread(found.repository, found.newest(database.name), kept.content, now, cache)


def _read(database: Database, files: DatabaseFiles | None, looked: datetime, context: RunContext) -> Stored:
    known = files is not None and not context.checking and can_be_remembered(database.path, files, looked)
    work_folder = context.folder / "work"
    make_private(work_folder)
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(dir=work_folder, prefix=f"{database.name}-")
        copy = Path(stack.enter_context(folder), "snapshot.db")
        planner = stack.enter_context(closing(Planner(copy, context.pool, context.early_bytes)))
        context.watch(Event(database.name, f"snapshot of {database.path}"))
        prepared = context.pool.submit(_prepare, database.name, clock.now().date(), context)
        follow = _read_early(planner, prepared)
        taken = snapshot.take(database.path, copy, advance=lambda _: context.go_on(), follow=follow)
        known = known and database_files.look(database.path) == files
        destination = prepared.result()
        store = context.connection.result().repository.store
        if destination.day != taken.date():
            # Midnight came in between.
            destination = _prepare(database.name, taken.date(), context)
        upload = DatabaseUpload(
            name=database.name,
            taken=taken,
            copy=copy,
            planner=planner,
            store=store,
            destination=destination,
            cache=None if store.local else context.cache_of(database.name),
            pool=context.pool,
            watch=context.watch,
            advance=_progress(database.name, copy.stat().st_size, context),
            keep_copy=bool(database.checks),
        )
        stored = _finish_and_look(upload, database, context)
    if known and files:
        _remember(database.name, files, looked, stored, context)
    return stored


def _read_early(planner: Planner, prepared: Future[Destination]) -> Follow:
    """What is copied is read at once, as soon as it is known what it is compared with."""

    def follow(size: int, final: int) -> None:
        if prepared.done() and not prepared.exception():
            planner.follow(prepared.result().former.archive, size, final)

    return follow


def _finish_and_look(upload: DatabaseUpload, database: Database, context: RunContext) -> Stored:
    with expectations.evaluated(database, upload.copy, upload.taken) as answers:
        stored = context.finish(upload)
        warnings = _floor_warnings(database, stored)
        warnings += expectations.check_warnings(answers(context.go_on))
    context.tell(database.name, warnings)
    return stored


def _floor_warnings(database: Database, stored: Stored) -> list[str]:
    # A long list of tables is not in the metadata, which is all that is known of content that did not change.
    rows = stored.recorded.rows
    return [] if rows is None else expectations.floor_warnings(database.rows, rows)


def _remember(name: str, files: DatabaseFiles, looked: datetime, stored: Stored, context: RunContext) -> None:
    content, tool = kept_content(context.connection.result().repository, stored), this_tool()
    if content is None or tool is None:
        return
    try:
        remember(context.folder, name, RememberedRead(files, tool, looked, content))
    except (OSError, PillarError) as error:
        context.watch(Event(name, f"the next run reads it again, which costs time only: {error}"))


def _prepare(name: str, day: date, context: RunContext) -> Destination:
    """Where the archive goes, found out while the snapshot is taken: a long block list takes the service a while."""
    found = context.connection.result()
    store = found.repository.store
    blob = found.repository.shelf.data_name(day, name)
    newest = found.newest(name)
    former = find_former(store, newest, context.cache_of(name))
    upload = store.upload(blob, newest.entry if newest else None)
    if former.blocks is not None and former.blocks != upload.base_blocks:
        # Something else was written under that name since: its bytes are not those that are remembered.
        former = FormerBackup(newest)
    return Destination(day, blob, former, upload)


def _progress(name: str, total: int, context: RunContext) -> Callable[[int], None]:
    done = 0

    def advance(raw_bytes: int) -> None:
        nonlocal done
        context.go_on()
        done += raw_bytes
        context.watch(Event(name, "uploading", done, total))

    return advance
