"""A database that is not read, since its files are as they were: its newest backup holds its content now as well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.archive.cache import kept_archive
from local.backup.remembered import KeptContent
from local.backup.unchanged import recorded_again
from local.backup.upload import Stored
from local.drill_program.download import file_etag
from local.sqlite.snapshot import SQLITE
from local.store import layout
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.layout import BackupRecord
from local.store.repository import Repository
from local.version import TOOL


@dataclass(frozen=True)
class UnreadDatabase:
    """The newest backup of a database whose content it was still at `taken`."""

    repository: Repository
    point: Point
    taken: datetime

    def deliver(self) -> Stored:
        """Record the later time in the store; raises the store's errors."""
        recorded = self._recorded()
        sent = self.repository.store.repeat(self.point.entry.name, self.point.entry, layout.encode_metadata(recorded))
        return self._stored(recorded, sent)

    def preview(self) -> Stored:
        """What `deliver` would come to."""
        return self._stored(self._recorded(), None)

    def _recorded(self) -> BackupRecord:
        return recorded_again(self.point.recorded, self.taken, same_day=True)

    def _stored(self, recorded: BackupRecord, sent: int | None) -> Stored:
        return Stored(self.point.entry.name, recorded, self.point.entry.size, sent, 0.0, read=False)


def find_unread(
    repository: Repository, newest: Point | None, content: KeptContent, taken: datetime, cache: Path
) -> UnreadDatabase | None:
    """The database's newest point, where it is the content that was kept, as it was then; None where it is another.

    In Azure the names of its blocks are compared with those that were committed, in a folder its file's ETag: its bytes
    are hashed when the day's first run reads the database.
    """
    if newest is None or not _is_of(newest, content, place_of(repository), taken):
        return None
    if repository.store.local:
        whole = newest.entry.etag == content.etag
    else:
        kept = kept_archive(cache, content.sha256)
        whole = kept is not None and _has_blocks(repository, newest.entry, kept.blocks)
    return UnreadDatabase(repository, newest, taken) if whole else None


def kept_content(repository: Repository, stored: Stored) -> KeptContent | None:
    """Where a content is that was just stored; None where its file is gone or its digest is not known."""
    if stored.recorded.sha256 is None:
        return None
    path = repository.store.local_path(Entry(stored.blob, 0, layout.EPOCH))
    try:
        etag = file_etag(path.stat()) if path else None
    except OSError:
        return None
    return KeptContent(place_of(repository), stored.blob, stored.recorded.sha256, etag)


def place_of(repository: Repository) -> str:
    """Names the store and the prefix in it."""
    return f"{repository.store.url} {repository.prefix}"


def _is_of(point: Point, content: KeptContent, place: str, taken: datetime) -> bool:
    recorded = point.recorded
    known = KeptContent(place, point.entry.name, recorded.sha256 or "", content.etag)
    times = (recorded.taken, recorded.unchanged_until)
    return (
        known == content
        and point.day == taken.date()
        and (recorded.tool, recorded.sqlite) == (TOOL, SQLITE)
        and all(moment is None or moment <= taken for moment in times)
    )


def _has_blocks(repository: Repository, entry: Entry, blocks: tuple[str, ...]) -> bool:
    with repository.store.upload(entry.name, entry) as upload:
        return bool(blocks) and upload.base_blocks == blocks
