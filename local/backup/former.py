"""What is known of a database's newest backup before the next one is compared with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from local.archive import members_table
from local.archive.cache import KeptArchive, kept_archive
from local.archive.extents import Extents
from local.archive.former import FormerArchive, read_part
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
    what this machine keeps of it (None: nothing, or the store is a folder).
    """

    point: Point | None = None
    archive: FormerArchive = field(default_factory=FormerArchive)
    kept: KeptArchive | None = None


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
        members = _members_in(path, None, point) if whole else ()
        return FormerBackup(point, FormerArchive(members, path)) if members else FormerBackup(point)
    kept = kept_archive(cache, point.recorded.sha256)
    if kept is None or kept.extents.size != point.entry.size:
        return FormerBackup(point, FormerArchive(_members_there(store, point)))
    members = _members_in(kept.pack, kept.extents, point) or _members_there(store, point)
    if not members:
        return FormerBackup(point)
    return FormerBackup(point, FormerArchive(members, kept.pack, kept.extents), kept)


def _members_in(path: Path, extents: Extents | None, point: Point) -> tuple[Member, ...]:
    """The members by the bytes on this machine, in a file that is the archive or holds it in these extents."""
    try:
        with path.open("rb") as file:
            return _members(partial(read_part, file.fileno(), extents), point)
    except OSError:
        return ()


def _members_there(store: Store, point: Point) -> tuple[Member, ...]:
    """The members by the store's own bytes."""
    try:
        return _members(partial(store.read_range, point.entry), point)
    except PillarError:
        # A blob in the archive tier can't be read: the new archive is sent whole. Whatever else is amiss with the
        # store, the upload meets it too, and says so.
        return ()


def _members(read_range: Callable[[int, int], bytes], point: Point) -> tuple[Member, ...]:
    """The members of the archive, by its own record; none where the record is not whole or not of this content."""
    try:
        with RangeReader(read_range, point.entry.size) as content:
            record = archive_end.read_record(cast(BinaryIO, content), point.entry.size)
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
