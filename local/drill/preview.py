"""What a drill would take, as `--check` tells it: the drill's own document, of which nothing is proven."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Literal

from local import clock
from local.drill.record import new_id
from local.drill.targets import Selection, Source, without_backup
from local.drill_program.order import counts_of_files
from local.drill_program.tables import floors
from local.report import Drill, DrilledDatabase, DrillReport, RowCount, Step, worst
from local.settings import Database
from local.store.catalog import Point
from local.store.layout import BackupRecord
from local.version import TOOL


def preview(selection: Selection, where: Literal["local", "remote"], host: str) -> DrillReport:
    """What a drill of the selected backups on `host` would take; raises what the store raises."""
    begin = time.monotonic()
    found: list[DrilledDatabase] = []
    for shelved in selection.shelved:
        chosen = shelved.repository.choose(shelved.names, selection.choice)
        missing = without_backup(shelved, selection.choice, chosen)
        for source in shelved.sources:
            point = chosen[source.name]
            found.append(would_drill(point, source) if point else missing[source.name])
    count = len(selection.databases)
    return report(found[:count], found[count:], where, host, time.monotonic() - begin)


def would_drill(point: Point, source: Source | None) -> DrilledDatabase:
    """What a drill of this point would compare, by the floors and checks of a database where it is configured.

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
        rows=_rows(_recorded_counts(recorded), source.rows if isinstance(source, Database) else {}),
        checks=dict.fromkeys(source.checks if isinstance(source, Database) else ()),
    )


def report(
    databases: Sequence[DrilledDatabase],
    volumes: Sequence[DrilledDatabase],
    where: Literal["local", "remote"],
    host: str,
    seconds: float,
) -> DrillReport:
    """The document of a check on `host` that took `seconds`."""
    started = clock.now()
    drill = Drill(
        id=new_id(started),
        where=where,
        host=host,
        started=clock.timestamp(started),
        seconds=round(seconds, 3),
        verdict=worst(each.verdict for each in (*databases, *volumes)),
        fallback=None,
        sqlite=None,
        python=None,
        tool=TOOL,
        check=True,
    )
    return DrillReport(drill, tuple(databases), tuple(volumes))


def _recorded_counts(recorded: BackupRecord) -> Mapping[str, int]:
    """The rows of a database's tables, or a volume's files and their bytes, as far as the metadata has them."""
    return counts_of_files(recorded.files, recorded.file_bytes) or recorded.rows or {}


def _rows(recorded: Mapping[str, int], minimum: Mapping[str, int]) -> dict[str, RowCount]:
    least = floors(minimum, recorded)
    names = dict.fromkeys([*recorded, *least])
    return {name: RowCount(None, recorded.get(name), least.get(name)) for name in names}
