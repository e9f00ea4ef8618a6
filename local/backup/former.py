"""What is known of a database's newest backup before the next one is compared with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from local.archive import members_table
from local.archive.cache import kept_archive
from local.archive.former import FormerArchive
from local.archive.gzip_member import Member
from local.drill_program.record import RecordError
from local.errors import PillarError
from local.store import archive_end, layout
from local.store.catalog import Point
from local.store.interface import Store
from local.store.range_reader import RangeReader


@dataclass(frozen=True)
class FormerBackup:
    """The newest content in the store: its point in time, its archive as far as it can be compared with and reused, and
    the names of its blocks as they were committed (None: not known, or the store has none).
    """

    point: Point | None = None
    archive: FormerArchive = field(default_factory=FormerArchive)
    blocks: tuple[str, ...] | None = None


def find_former(store: Store, point: Point | None, cache: Path) -> FormerBackup:
    """The newest backup at `point`; nothing of its archive where it is not whole, not ours, or not what is recorded.

    A folder's archive is read whole to see that it is still what its digest says: what is linked or copied from it
    would carry its damage on. What an Azure store keeps is checked by the service; the copy in `cache` by each use.
    """
    if point is None or not point.recorded.sha256:
        return FormerBackup(point)
    path = store.local_path(point.entry)
    if path:
        whole = _sha256(path) == point.recorded.sha256
        return FormerBackup(point, _archive_in(path, point)) if whole else FormerBackup(point)
    kept = kept_archive(cache, point.recorded.sha256)
    if kept:
        return FormerBackup(point, _archive_in(kept.path, point), kept.blocks)
    try:
        with RangeReader(store, point.entry) as content:
            return FormerBackup(point, FormerArchive(_members(cast(BinaryIO, content), point)))
    except PillarError:
        # A blob in the archive tier can't be read: the new archive is sent whole. Whatever else is amiss with the
        # store, the upload meets it too, and says so.
        return FormerBackup(point)


def _archive_in(path: Path, point: Point) -> FormerArchive:
    try:
        with path.open("rb") as file:
            members = _members(file, point)
    except OSError:
        return FormerArchive()
    return FormerArchive(members, path) if members else FormerArchive()


def _members(file: BinaryIO, point: Point) -> tuple[Member, ...]:
    """The members of the archive, by its own record; none where the record is not whole or not of this content."""
    try:
        record = archive_end.read_record(file, point.entry.size)
        found = layout.recorded_in(record.fields) if record else None
    except (RecordError, ValueError):
        return ()
    if record is None or found is None or found.raw_sha256 != point.recorded.raw_sha256:
        return ()
    return members_table.decode(record.fields.get("members"), found.raw_bytes or 0, record.begin)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
