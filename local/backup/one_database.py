"""One database of a run: read and stored, or found as it was and not read."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType

from local import clock
from local.archive.planner import Planner
from local.archive.private_folder import make_private
from local.backup import database_files, expectations
from local.backup.context import RunContext
from local.backup.database_content import DatabaseToStore
from local.backup.database_files import DatabaseFiles
from local.backup.destination import prepare, upload_of
from local.backup.remembered import RememberedRead, can_be_remembered, is_current, remember, remembered, this_tool
from local.backup.unread import UnreadDatabase, find_unread, kept_content
from local.backup.upload import Destination, SnapshotUpload, Stored
from local.errors import PillarError
from local.events import Event
from local.settings import Database
from local.sqlite import snapshot
from local.sqlite.header import foretold_first_page
from local.sqlite.snapshot import Follow


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
    make_private(context.work)
    with ExitStack() as stack:
        copy = Path(stack.enter_context(context.work_of(database.name)), "snapshot.db")
        context.watch(Event(database.name, f"snapshot of {database.path}"))
        prepared = context.pool.submit(prepare, database.name, clock.now().date(), context)
        stack.push(partial(_leave, prepared))
        planner = stack.enter_context(
            closing(Planner(copy, context.pool, context.early_bytes, foretell=foretold_first_page))
        )
        follow = _read_early(planner, prepared, context)
        taken = snapshot.take(database.path, copy, advance=lambda _: context.go_on(), follow=follow)
        known = known and database_files.look(database.path) == files
        content = DatabaseToStore(database.name, taken, copy)
        upload = upload_of(content, planner, prepared, context, keep_copy=bool(database.checks))
        stored = _finish_and_look(upload, database, context)
    if known and files:
        _remember(database.name, files, looked, stored, context)
    return stored


def _read_early(planner: Planner, prepared: Future[Destination], context: RunContext) -> Follow:
    """What is copied is read at once, as soon as it is known what it is compared with; what is new of it may travel."""

    def follow(size: int, final: int) -> None:
        if prepared.done() and not prepared.exception():
            destination = prepared.result()
            planner.follow(
                destination.former.archive, size, final, None if context.checking else destination.upload.foresee
            )

    return follow


def _leave(
    prepared: Future[Destination],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    """What was sent ahead of a copy that failed is taken back; a backup that was delivered has left nothing to do."""
    if prepared.done() and not prepared.exception():
        prepared.result().upload.__exit__(kind, error, trace)


def _finish_and_look(upload: SnapshotUpload, database: Database, context: RunContext) -> Stored:
    with expectations.evaluated(database, upload.content.file, upload.content.taken) as answers:
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
