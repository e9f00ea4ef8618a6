"""Backups and drill records in a real store, without a live database or a drill: for what only reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from local import clock
from local.report import STEPS, Drill, DrilledDatabase, DrillReport, Step, Verdict, worst
from local.store.folder import FolderStore
from local.store.interface import Entry, Store
from tests.local.store.archives import Archive, archive_of, current, put
from tests.support.shelf import SHELF


class ListingStore(FolderStore):
    """A folder that remembers which prefixes were listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[str] = []

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """As a folder's."""
        self.listed.append(prefix)
        return super().entries(prefix, beginning)


def back_up(store: Store, taken: datetime) -> Archive:
    """A backup of "costs" with a content of its own."""
    archive = archive_of([f"{taken}".encode() * 50], taken)
    put(store, archive, SHELF.data_name(taken.date(), "costs"))
    return archive


def repeat(store: Store, archive: Archive, day: datetime, taken: datetime) -> None:
    """The content of a day again, as a point of another day."""
    base = current(store, SHELF.data_name(day.date(), "costs"))
    store.repeat(SHELF.data_name(taken.date(), "costs"), base, archive.at(taken))


def drilled(archive: Archive, verdict: Verdict = "passed") -> DrilledDatabase:
    """What a drill finds of an archive of "costs"."""
    taken = archive.recorded.taken
    assert taken
    steps = [Step(name, "passed", 0.5) for name in STEPS]
    steps[-1] = Step("rows", verdict, 0.5, "" if verdict == "passed" else "too few")
    return DrilledDatabase(
        name="costs",
        verdict=verdict,
        blob=SHELF.data_name(taken.date(), "costs"),
        backup_time=clock.timestamp(taken),
        sha256=archive.sha256,
        gzip_bytes=len(archive.content),
        database_bytes=len(archive.raw),
        steps=tuple(steps),
        rows={},
    )


def keep_drill(store: Store, started: datetime, databases: Sequence[DrilledDatabase]) -> None:
    """The record that a drill of that moment leaves."""
    verdict = worst(database.verdict for database in databases)
    drill = Drill("x", "local", "ANVIL", clock.timestamp(started), 2.5, verdict, None, None, None, "pillar9")
    name = f"drills/{started.date()}/{clock.compact_timestamp(started)}-ANVIL.json"
    store.write(name, msgspec.json.encode(DrillReport(drill, tuple(databases))))
