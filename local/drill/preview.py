"""What a drill would take, as `--check` tells it: the drill's own document, of which nothing is proven."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Literal

from local import clock
from local.drill.record import new_id
from local.drill.targets import Selection, without_backup
from local.drill_program.tables import floors
from local.report import Drill, DrilledDatabase, DrillReport, RowCount, Step, worst
from local.settings import Database
from local.store.catalog import Point
from local.version import TOOL


def preview(selection: Selection, where: Literal["local", "remote"], host: str) -> DrillReport:
    """What a drill of the selected backups on `host` would take; raises what the store raises."""
    begin = time.monotonic()
    chosen = selection.repository.choose([database.name for database in selection.databases], selection.choice)
    missing = without_backup(selection, chosen)
    databases = tuple(
        would_drill(point, database) if (point := chosen[database.name]) else missing[database.name]
        for database in selection.databases
    )
    return report(databases, where, host, time.monotonic() - begin)


def would_drill(point: Point, database: Database | None) -> DrilledDatabase:
    """What a drill of this point would compare, by the floors and checks of `database` where it is configured.

    `passed` says that it would begin; a point whose metadata does not read is known to fail.
    """
    recorded = point.recorded
    return DrilledDatabase(
        name=point.name,
        verdict="failed" if point.trouble else "passed",
        blob=point.entry.name,
        backup_time=clock.timestamp(point.taken),
        sha256=recorded.sha256,
        gzip_bytes=point.entry.size,
        database_bytes=recorded.raw_bytes,
        steps=(Step("checksum", "failed", 0.0, point.trouble),) if point.trouble else (),
        rows=_rows(recorded.rows or {}, database.rows if database else {}),
        checks=dict.fromkeys(database.checks if database else ()),
    )


def report(
    databases: Sequence[DrilledDatabase], where: Literal["local", "remote"], host: str, seconds: float
) -> DrillReport:
    """The document of a check on `host` that took `seconds`."""
    started = clock.now()
    drill = Drill(
        id=new_id(started),
        where=where,
        host=host,
        started=clock.timestamp(started),
        seconds=round(seconds, 3),
        verdict=worst(database.verdict for database in databases),
        fallback=None,
        sqlite=None,
        python=None,
        tool=TOOL,
        check=True,
    )
    return DrillReport(drill, tuple(databases))


def _rows(recorded: Mapping[str, int], minimum: Mapping[str, int]) -> dict[str, RowCount]:
    least = floors(minimum, recorded)
    names = dict.fromkeys([*recorded, *least])
    return {name: RowCount(None, recorded.get(name), least.get(name)) for name in names}
