"""Where a snapshot's archive goes, and the newest backup that it is compared with."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import date

from local.archive.planner import Planner
from local.backup.context import RunContext
from local.backup.former import FormerBackup, find_former
from local.backup.upload import Destination, SnapshotUpload, UploadContent


def prepare(name: str, day: date, context: RunContext) -> Destination:
    """Where the archive goes, found out while the snapshot is taken: a long block list takes the service a while."""
    found = context.connection.result()
    store = found.repository.store
    blob = found.repository.shelf.data_name(day, name)
    newest = found.newest(name)
    former = find_former(store, newest, context.cache_of(name))
    upload = store.upload(blob, newest.entry if newest else None)
    if former.kept and former.kept.blocks != upload.base_blocks:
        # Something else was written under that name since: its bytes are not those that are remembered.
        former = FormerBackup(newest)
    return Destination(day, blob, former, upload)


def upload_of(
    content: UploadContent,
    planner: Planner,
    prepared: Future[Destination],
    context: RunContext,
    *,
    keep_copy: bool = False,
) -> SnapshotUpload:
    """The snapshot on its way to where `prepare` found that it goes, or to the next day's place."""
    destination = prepared.result()
    store = context.connection.result().repository.store
    if destination.day != content.taken.date():
        # Midnight came in between.
        destination = prepare(content.name, content.taken.date(), context)
    return SnapshotUpload(
        content=content,
        planner=planner,
        store=store,
        destination=destination,
        cache=None if store.local else context.cache_of(content.name),
        pool=context.pool,
        watch=context.watch,
        advance=context.progress(content.name, "uploading", content.file.stat().st_size),
        keep_copy=keep_copy,
    )
