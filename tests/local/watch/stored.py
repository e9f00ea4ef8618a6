"""Backups and drill records in a real store, without a live database or a drill: for what only reads them."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec

from local import clock
from local.archive.gzip_member import compress
from local.archive.trailer import trailer
from local.drill_program.file_list import FileList
from local.drill_program.tar_entries import read_entries
from local.report import STEPS, Drill, DrilledDatabase, DrillReport, Step, Verdict, worst
from local.store import layout
from local.store.folder import FolderStore
from local.store.interface import Entry, Store
from local.store.layout import BackupRecord
from local.store.shelf import VOLUMES
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


class VolumeArchive(Archive):
    """One whose record has the lists too, which stand nowhere else."""

    @cached_property
    def end(self) -> bytes:
        """The record and the end mark."""
        lists = {"changed_while_read": ["./c.log grew"], "left_out": [], "outward": [], "not_databases": []}
        record = {**layout.record_of(self.recorded), **lists, "databases": {}}
        return b"".join(trailer(record, sum(map(len, self.members))))


def back_up_volume(store: Store, taken: datetime, name: str = "grafana-data") -> Archive:
    """A backup of a volume with a content of its own."""
    archive = volume_archive(taken, name)
    put(store, archive, VOLUMES.data_name(taken.date(), name))
    return archive


def volume_archive(taken: datetime, name: str = "grafana-data") -> Archive:
    """A tar of three files, of which one did not stand still, as an archive with its record."""
    files = {"./a.txt": b"always the same", "./b.txt": f"{taken}".encode(), "./c.log": b"growing"}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    listed = FileList()
    for found in read_entries(raw):
        listed.add(found)
    recorded = BackupRecord(
        volume=name,
        taken=taken,
        content_since=taken,
        raw_sha256=hashlib.sha256(raw.getvalue()).hexdigest(),
        raw_bytes=len(raw.getvalue()),
        files=listed.files,
        file_bytes=listed.bytes,
        list_sha256=listed.sha256,
        changing=1,
        tool="pillar9 0.1.0",
    )
    return VolumeArchive(raw.getvalue(), (compress(raw.getvalue()),), recorded)


def repeat(store: Store, archive: Archive, day: datetime, taken: datetime) -> None:
    """The content of a day again, as a point of another day."""
    base = current(store, SHELF.data_name(day.date(), "costs"))
    store.repeat(SHELF.data_name(taken.date(), "costs"), base, archive.at(taken))


def drilled(archive: Archive, verdict: Verdict = "passed") -> DrilledDatabase:
    """What a drill finds of an archive of "costs" or of a volume."""
    taken, volume = archive.recorded.taken, archive.recorded.volume
    assert taken
    shelf, name = (VOLUMES, volume) if volume else (SHELF, "costs")
    steps = [Step(name, "passed", 0.5) for name in STEPS]
    steps[-1] = Step("rows", verdict, 0.5, "" if verdict == "passed" else "too few")
    return DrilledDatabase(
        name=name,
        verdict=verdict,
        blob=shelf.data_name(taken.date(), name),
        backup_time=clock.timestamp(taken),
        sha256=archive.sha256,
        gzip_bytes=len(archive.content),
        database_bytes=len(archive.raw),
        steps=tuple(steps),
        rows={},
    )


def keep_drill(
    store: Store, started: datetime, databases: Sequence[DrilledDatabase], volumes: Sequence[DrilledDatabase] = ()
) -> None:
    """The record that a drill of that moment leaves."""
    verdict = worst(each.verdict for each in (*databases, *volumes))
    drill = Drill("x", "local", "ANVIL", clock.timestamp(started), 2.5, verdict, None, None, None, "pillar9")
    name = f"drills/{started.date()}/{clock.compact_timestamp(started)}-ANVIL.json"
    store.write(name, msgspec.json.encode(DrillReport(drill, tuple(databases), tuple(volumes))))
