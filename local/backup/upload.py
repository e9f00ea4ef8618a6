"""A snapshot's way into the store, be it of a database or of a volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from local.archive import members_table
from local.archive import write as archive
from local.archive.cache import ArchiveCopy
from local.archive.extents import has_room
from local.archive.plan import CutPlan
from local.archive.planner import Planner
from local.archive.sink import ArchiveSink
from local.backup.former import FormerBackup
from local.backup.unchanged import recorded_again
from local.events import Event, Watch
from local.store import layout
from local.store.catalog import Point
from local.store.interface import Store, Upload
from local.store.layout import BackupRecord


@dataclass(frozen=True)
class Examined:
    """What a sound snapshot is recorded with, but for the digest of its file; `in_the_archive` stands in the archive's
    own record alone. `note` is what nobody but its application can check of it, for a person; None if nothing.
    """

    recorded: BackupRecord
    in_the_archive: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None


class UploadContent(Protocol):
    """A snapshot in a file, with all that differs between a database and a volume."""

    @property
    def name(self) -> str: ...

    @property
    def taken(self) -> datetime: ...

    @property
    def file(self) -> Path: ...

    def examine(self) -> Examined:
        """Check it; raises SourceError where it is not sound."""
        ...

    def was_examined_so(self, recorded: BackupRecord) -> bool:
        """Whether the same content, recorded so, went through this very check."""
        ...


@dataclass(frozen=True)
class Stored:
    """What reached the store, or would; `sent` in bytes, `changed` the share of the snapshot in changed chunks.

    None is what is not known: of a check, the size of what it would make. `read`: whether the database was read for it;
    `changing` what of a volume was written to meanwhile, for a person.
    """

    blob: str
    recorded: BackupRecord
    gzip_bytes: int | None
    sent: int | None
    changed: float | None
    read: bool = True
    changing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Destination:
    """Where an archive goes: its blob, the newest backup of that name, and the upload begun on it."""

    day: date
    blob: str
    former: FormerBackup
    upload: Upload


@dataclass(frozen=True)
class SnapshotUpload:
    """A snapshot on its way; `cache` is where this machine keeps a copy of its last archive, None where the
    store is a folder and so the archive is there to be read; with `keep_copy` somebody else looks at the snapshot too.
    """

    content: UploadContent
    planner: Planner
    store: Store
    destination: Destination
    cache: Path | None
    pool: Executor
    watch: Watch
    advance: Callable[[int], None]
    keep_copy: bool

    def deliver(self) -> Stored:
        """Check, compress, send, commit.

        Raises SourceError for a snapshot that is not sound, and the store's errors; the store's newest backup is then
        the one of before.
        """
        plan = self.planner.plan(self.destination.former.archive)
        with self.destination.upload as upload:
            if plan.unchanged and not upload.is_begun and self._was_examined_so():
                return self._repeat(self.destination.former)
            return self._upload(upload, plan)

    def preview(self) -> Stored:
        """Everything of `deliver` that changes nothing: the check of the snapshot, and what of it changed."""
        plan = self.planner.plan(self.destination.former.archive)
        found = self.content.examine().recorded
        former = self.destination.former.point
        if former and plan.unchanged and self._was_examined_so():
            recorded = layout.changed(self._again(former), rows=found.rows)
            return Stored(self.destination.blob, recorded, former.entry.size, None, 0.0)
        return Stored(self.destination.blob, found, None, None, self._changed(plan))

    def _was_examined_so(self) -> bool:
        point = self.destination.former.point
        return point is not None and self.content.was_examined_so(point.recorded)

    def _again(self, point: Point) -> BackupRecord:
        return recorded_again(point.recorded, self.content.taken, same_day=point.entry.name == self.destination.blob)

    def _repeat(self, former: FormerBackup) -> Stored:
        """The same content at a later time: what was checked and counted then holds for the same bytes now."""
        assert former.point is not None
        freed = self._free_copy()
        recorded = self._again(former.point)
        sent = self.store.repeat(self.destination.blob, former.point.entry, layout.encode_metadata(recorded))
        freed.result()
        return Stored(self.destination.blob, recorded, former.point.entry.size, sent, 0.0)

    def _upload(self, upload: Upload, plan: CutPlan) -> Stored:
        checked = self.pool.submit(self.content.examine)
        with closing(self._begin_copy(plan)) as copy:
            sink = ArchiveSink(upload, copy)
            written = archive.write(plan, sink, self.pool, self._advance_while_sound(checked))
            found = checked.result()
            if found.note:
                self.watch(Event(self.content.name, found.note))
            recorded = layout.changed(found.recorded, raw_sha256=written.raw_sha256)
            freed = self._free_copy()
            members = {"members": members_table.encode(written.members)}
            whole = sink.finish({**layout.record_of(recorded), **found.in_the_archive, **members})
            recorded = layout.changed(recorded, sha256=whole.sha256, added_bytes=whole.added_bytes)
            blocks = upload.commit(layout.encode_metadata(recorded))
            freed.result()
            copy.keep(whole.sha256, blocks)
            if copy.trouble:
                told = f"the cache could not be written, which costs only time: {copy.trouble}"
                self.watch(Event(self.content.name, told))
        return Stored(self.destination.blob, recorded, whole.gzip_bytes, upload.sent, self._changed(plan))

    def _begin_copy(self, plan: CutPlan) -> ArchiveCopy:
        """Of the archive to be made, for the next run; it goes on in the former one's pack while that is short."""
        former = self.destination.former.kept
        goes_on = former and has_room(former.extents, *plan.expected_gzip_bytes)
        return ArchiveCopy(self.cache, former if goes_on else None)

    def _changed(self, plan: CutPlan) -> float | None:
        """The share of the snapshot in changed chunks; None where the newest backup tells nothing of its chunks."""
        if self.destination.former.point and not plan.former.members:
            return None
        return plan.changed_bytes / plan.size

    def _advance_while_sound(self, checked: Future[Examined]) -> Callable[[int], None]:
        """Progress that stops with the check's error as soon as there is one: the rest need not be sent."""

        def advance(raw_bytes: int) -> None:
            if checked.done():
                checked.result()
            self.advance(raw_bytes)

        return advance

    def _free_copy(self) -> Future[None]:
        """Freeing a gigabyte of cached pages takes a quarter of a second, about as long as the service's commit."""
        return self.pool.submit(self._free)

    def _free(self) -> None:
        if not self.keep_copy:
            # By now the content may be in the store. A full disk can refuse even this; the run's sweep tries again.
            with suppress(OSError):
                self.content.file.unlink()
