"""One database's way from its snapshot into the store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from local.archive import members_table
from local.archive import write as archive
from local.archive.cache import ArchiveCopy
from local.archive.plan import CutPlan
from local.archive.planner import Planner
from local.archive.sink import ArchiveSink
from local.archive.write import Written
from local.backup.former import FormerBackup
from local.backup.unchanged import recorded_again
from local.events import Event, Watch
from local.sqlite import snapshot
from local.sqlite.snapshot import SnapshotFacts
from local.store import layout
from local.store.interface import Store, Upload
from local.store.layout import BackupRecord
from local.version import TOOL


@dataclass(frozen=True)
class Stored:
    """What reached the store, or would; `sent` in bytes, `changed` the share of the database in changed chunks.

    None is what is not known: of a check, the size of what it would make. `read`: whether the database was read for it.
    """

    blob: str
    recorded: BackupRecord
    gzip_bytes: int | None
    sent: int | None
    changed: float | None
    read: bool = True


@dataclass(frozen=True)
class Destination:
    """Where an archive goes: its blob, the database's newest backup, and the upload begun on it."""

    day: date
    blob: str
    former: FormerBackup
    upload: Upload


@dataclass(frozen=True)
class DatabaseUpload:
    """A snapshot on its way; `cache` is where this machine keeps a copy of its last archive, None where the
    store is a folder and so the archive is there to be read; with `keep_copy` somebody else looks at the snapshot too.
    """

    name: str
    taken: datetime
    copy: Path
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

        Raises SourceError for a database that is not sound, and the store's errors; the store's newest backup is then
        the one of before.
        """
        plan = self.planner.plan(self.destination.former.archive)
        with self.destination.upload as upload:
            if plan.unchanged and self._was_checked_by_this_library():
                return self._repeat(self.destination.former)
            return self._upload(upload, plan)

    def preview(self) -> Stored:
        """Everything of `deliver` that changes nothing: the check of the database, and what of it changed."""
        plan = self.planner.plan(self.destination.former.archive)
        facts = snapshot.examine(self.copy)
        former = self.destination.former.point
        if former and plan.unchanged and self._was_checked_by_this_library():
            recorded = recorded_again(former.recorded, self.taken, same_day=former.entry.name == self.destination.blob)
            return Stored(
                self.destination.blob, layout.changed(recorded, rows=facts.rows), former.entry.size, None, 0.0
            )
        recorded = BackupRecord(taken=self.taken, raw_bytes=plan.size, rows=facts.rows)
        return Stored(self.destination.blob, recorded, None, None, self._changed(plan))

    def _was_checked_by_this_library(self) -> bool:
        point = self.destination.former.point
        return point is not None and (point.recorded.tool, point.recorded.sqlite) == (TOOL, snapshot.SQLITE)

    def _repeat(self, former: FormerBackup) -> Stored:
        """The same content at a later time: what was checked and counted then holds for the same bytes now."""
        assert former.point is not None
        freed = self._free_copy()
        recorded = recorded_again(
            former.point.recorded, self.taken, same_day=former.point.entry.name == self.destination.blob
        )
        sent = self.store.repeat(self.destination.blob, former.point.entry, layout.encode_metadata(recorded))
        freed.result()
        return Stored(self.destination.blob, recorded, former.point.entry.size, sent, 0.0)

    def _upload(self, upload: Upload, plan: CutPlan) -> Stored:
        checked = self.pool.submit(snapshot.examine, self.copy)
        with closing(ArchiveCopy(self.cache)) as copy:
            sink = ArchiveSink(upload, copy)
            written = archive.write(plan, sink, self.pool, self._advance_while_sound(checked))
            facts = checked.result()
            if facts.unchecked:
                self.watch(Event(self.name, facts.unchecked))
            recorded = self._recorded(facts, written)
            freed = self._free_copy()
            whole = sink.finish({**layout.record_of(recorded), "members": members_table.encode(written.members)})
            recorded = layout.changed(recorded, sha256=whole.sha256, added_bytes=whole.added_bytes)
            blocks = upload.commit(layout.encode_metadata(recorded))
            freed.result()
            copy.keep(whole.sha256, blocks)
            if copy.trouble:
                self.watch(Event(self.name, f"the cache could not be written, which costs only time: {copy.trouble}"))
        return Stored(self.destination.blob, recorded, whole.gzip_bytes, upload.sent, self._changed(plan))

    def _changed(self, plan: CutPlan) -> float | None:
        """The share of the database in changed chunks; None where the newest backup tells nothing of its chunks."""
        if self.destination.former.point and not plan.former.members:
            return None
        return plan.changed_bytes / plan.size

    def _advance_while_sound(self, checked: Future[SnapshotFacts]) -> Callable[[int], None]:
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
            self.copy.unlink()

    def _recorded(self, facts: SnapshotFacts, written: Written) -> BackupRecord:
        return BackupRecord(
            database=self.name,
            taken=self.taken,
            content_since=self.taken,
            raw_sha256=written.raw_sha256,
            raw_bytes=facts.page_size * facts.page_count,
            page_size=facts.page_size,
            page_count=facts.page_count,
            user_version=facts.user_version,
            schema_sha256=facts.schema_sha256,
            rows=facts.rows,
            row_total=sum(facts.rows.values()),
            sqlite=facts.sqlite,
            tool=TOOL,
        )
