"""One database's way from its snapshot into the store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local import clock
from local.archive import write as archive
from local.archive.cache import Cache
from local.archive.write import Archive, CutPlan
from local.backup import snapshot
from local.backup.snapshot import SnapshotFacts
from local.store import layout
from local.store.catalog import Point
from local.store.interface import Store, Upload
from local.store.layout import Recorded
from local.version import TOOL


@dataclass(frozen=True)
class Stored:
    """What reached the store; `sent` in bytes, `changed` the share of the database that lies in changed chunks."""

    blob: str
    recorded: Recorded
    gzip_bytes: int | None
    sent: int
    changed: float


@dataclass(frozen=True)
class Destination:
    """Where an archive goes: its blob, the store's newest content of the database, and the upload begun on it."""

    blob: str
    base: Point | None
    upload: Upload


@dataclass(frozen=True)
class DatabaseUpload:
    """A snapshot on its way, and what is known already of the store (`destination`) and by this machine (`cache`)."""

    name: str
    taken: datetime
    copy: Path
    cache: Cache
    store: Store
    destination: Future[Destination]
    pool: Executor
    advance: Callable[[int], None]

    def deliver(self) -> Stored:
        """Check, compress, send, commit; the sidecar last.

        Raises SourceError for a database that is not sound, and the store's errors; the store's newest backup is then
        the one of before.
        """
        plan = archive.plan(self.copy, self.cache, (), self.pool) if self.cache.last else None
        destination = self.destination.result()
        same = plan is not None and plan.unchanged and self._is_remembered(destination.base)
        stored = self._repeat(destination) if same else self._upload(destination, plan)
        line = layout.sidecar_line(stored.recorded.sha256 or "", destination.blob)
        self.store.write(layout.sidecar_name(destination.blob), line)
        return stored

    def preview(self) -> Stored:
        """Everything of `deliver` that changes nothing: the check of the database, and what of it changed."""
        plan = archive.plan(self.copy, self.cache, (), self.pool)
        snapshot.examine(self.copy)
        blob = self.destination.result().blob
        return Stored(blob, Recorded(raw_bytes=plan.size), None, 0, plan.changed_bytes / plan.size)

    def _is_remembered(self, base: Point | None) -> bool:
        """Whether the store's newest content is the remembered archive, checked by this very library."""
        if self.cache.last is None or base is None:
            return False
        last = layout.decode_metadata(self.cache.last.metadata)
        return (last.tool, last.sqlite, last.sha256) == (TOOL, snapshot.SQLITE, base.recorded.sha256)

    def _repeat(self, destination: Destination) -> Stored:
        """The same content at a later time: what was checked and counted then holds for the same bytes now."""
        assert self.cache.last is not None
        assert destination.base is not None
        freed = self._free_copy()
        metadata = {**self.cache.last.metadata, "taken": clock.timestamp(self.taken), "added_bytes": "0"}
        sent = self.store.repeat(destination.blob, destination.base.entry, metadata)
        freed.result()
        return Stored(destination.blob, layout.decode_metadata(metadata), destination.base.entry.size, sent, 0.0)

    def _upload(self, destination: Destination, plan: CutPlan | None) -> Stored:
        checked = self.pool.submit(snapshot.examine, self.copy)
        with destination.upload as upload:
            plan = plan or archive.plan(self.copy, self.cache, upload.held, self.pool)
            built = archive.build(plan, self.cache, upload, self.pool, self.advance)
            recorded = self._recorded(checked.result(), built)
            freed = self._free_copy()
            metadata = layout.encode_metadata(recorded)
            upload.commit(metadata)
            freed.result()
        self.cache.save(built.digests, metadata)
        return Stored(destination.blob, recorded, built.gzip_bytes, upload.sent, plan.changed_bytes / plan.size)

    def _free_copy(self) -> Future[None]:
        """Freeing a gigabyte of cached pages takes a quarter of a second, about as long as the service's commit."""
        return self.pool.submit(self.copy.unlink)

    def _recorded(self, facts: SnapshotFacts, built: Archive) -> Recorded:
        return Recorded(
            database=self.name,
            taken=self.taken,
            sha256=built.sha256,
            raw_sha256=built.raw_sha256,
            raw_bytes=facts.page_size * facts.page_count,
            page_size=facts.page_size,
            page_count=facts.page_count,
            user_version=facts.user_version,
            schema_sha256=facts.schema_sha256,
            rows=layout.rows_record(facts.rows),
            row_total=sum(facts.rows.values()),
            added_bytes=built.added_bytes,
            sqlite=facts.sqlite,
            tool=TOOL,
        )
