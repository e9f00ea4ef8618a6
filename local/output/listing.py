"""`invoke backup.list`: every point in time in the store, and what each adds to it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from local import clock
from local.report import Document
from local.store.catalog import Point


class ListedPoint(msgspec.Struct, frozen=True):
    """One point in time; sizes in bytes, `row_total` the rows over all tables, None where the backup does not say."""

    name: str
    backup_time: str
    date: str
    blob: str
    current: bool
    gzip_bytes: int
    added_bytes: int | None
    database_bytes: int | None
    sha256: str | None
    row_total: int | None
    tool: str | None
    error: str | None


class Listing(Document, frozen=True):
    """The `--json` document of `backup.list`."""

    backups: tuple[ListedPoint, ...]


def listing(points: Sequence[Point]) -> Listing:
    """Every point in time as people and scripts read it, oldest first by database."""
    return Listing(tuple(_listed(point) for point in points))


def _listed(point: Point) -> ListedPoint:
    recorded = point.recorded
    return ListedPoint(
        name=point.database,
        backup_time=clock.timestamp(point.taken),
        date=point.day.isoformat(),
        blob=point.entry.name,
        current=point.current,
        gzip_bytes=point.entry.size,
        added_bytes=recorded.added_bytes,
        database_bytes=recorded.raw_bytes,
        sha256=recorded.sha256,
        row_total=recorded.row_total,
        tool=recorded.tool,
        error=point.trouble,
    )
