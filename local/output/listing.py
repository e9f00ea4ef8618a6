"""`invoke backup.list`: every point in time in the store, and what each adds to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from local import clock
from local.report import DatabaseBytes, DatabaseName, Document, Moment, Sha256
from local.shadow_tables import shadow_tables
from local.store.catalog import Point
from local.store.shelf import Kind


class ListedPoint(msgspec.Struct, frozen=True):
    """One point in time; null is what the backup does not say."""

    name: DatabaseName
    backup_time: Annotated[Moment, Meta(description="when the point in time was taken; `--at` takes it")]
    date: Annotated[
        str,
        Meta(description="the UTC day under which it stands; `--date` takes it", extra_json_schema={"format": "date"}),
    ]
    blob: Annotated[str, Meta(description="the archive's name in the store, with its prefix")]
    current: Annotated[bool, Meta(description="false for a former content of its day, which only `--at` reaches")]
    gzip_bytes: Annotated[int, Meta(description="size of the archive")]
    added_bytes: Annotated[int | None, Meta(description="what of the archive was not in the store before it")]
    database_bytes: DatabaseBytes
    sha256: Sha256
    row_total: Annotated[int | None, Meta(description="rows over all tables; of a volume the files in it")]
    shadow_row_total: Annotated[
        int | None,
        Meta(
            description="of `row_total`, rows of shadow tables, which SQLite's virtual tables keep (FTS); null where "
            "the tables are not recorded"
        ),
    ]
    tool: Annotated[str | None, Meta(description="the product that made it, and its version")]
    error: Annotated[str | None, Meta(description="why its metadata does not read")]
    kind: Annotated[Kind, Meta(description="what it is a backup of")] = "database"
    changing_count: Annotated[
        int | None, Meta(description="of a volume, how much in it did not stand still while it was read")
    ] = None


class Listing(Document, frozen=True):
    """`backup.list`."""

    backups: tuple[ListedPoint, ...]


def listing(points: Iterable[Point]) -> Listing:
    """Every point in time as people and scripts read it, oldest first by name."""
    listed = [_listed(point) for point in points]
    return Listing(tuple(sorted(listed, key=_order)))


def _order(point: ListedPoint) -> tuple[str, Kind, str, bool, str]:
    return point.name, point.kind, point.backup_time, point.current, point.date


def _listed(point: Point) -> ListedPoint:
    recorded = point.recorded
    return ListedPoint(
        name=point.name,
        backup_time=clock.timestamp(point.taken),
        date=point.day.isoformat(),
        blob=point.entry.name,
        current=point.current,
        gzip_bytes=point.entry.size,
        added_bytes=recorded.added_bytes,
        database_bytes=recorded.raw_bytes,
        sha256=recorded.sha256,
        row_total=recorded.files if point.kind == "volume" else recorded.row_total,
        shadow_row_total=_shadow_rows(recorded.rows),
        tool=recorded.tool,
        error=point.trouble,
        kind=point.kind,
        changing_count=recorded.changing,
    )


def _shadow_rows(rows: Mapping[str, int] | None) -> int | None:
    return None if rows is None else sum(rows[name] for name in shadow_tables(rows))
