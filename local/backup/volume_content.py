"""A volume's tar as what is backed up: it was checked while it was made, and what it holds is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from local.backup.upload import Examined
from local.drill_program.record import RECORD_BYTES_MAX, RECORD_VALUES_MAX
from local.errors import SourceError
from local.sqlite.snapshot import SQLITE
from local.store.layout import BackupRecord
from local.version import TOOL
from local.volumes.databases import DatabaseInVolume
from local.volumes.snapshot import VolumeSnapshot

# What is for a person alone is recorded as far as a person reads.
_RECORDED_TEXTS = 1000
_SHOWN_TEXTS = 8
_STILL = "to have it still meanwhile, name its containers under `stop:` or `pause:` of the volume"


@dataclass(frozen=True)
class VolumeToStore:
    """The snapshot of the volume `name`."""

    name: str
    snapshot: VolumeSnapshot

    @property
    def taken(self) -> datetime:
        """When its reading began."""
        return self.snapshot.taken

    @property
    def file(self) -> Path:
        """The tar."""
        return self.snapshot.tar

    def examine(self) -> Examined:
        """What is recorded of it; SourceError where that is more than any record may hold."""
        contents = self.snapshot.contents
        recorded = BackupRecord(
            volume=self.name,
            taken=self.taken,
            content_since=self.taken,
            raw_bytes=self.snapshot.size,
            files=contents.files,
            file_bytes=contents.file_bytes,
            list_sha256=contents.list_sha256,
            changing=len(contents.changing),
            sqlite=self._sqlite,
            tool=TOOL,
        )
        lists = {
            "changed_while_read": bounded(contents.changing, _RECORDED_TEXTS),
            "left_out": bounded(contents.left_out, _RECORDED_TEXTS),
            "not_databases": bounded(contents.not_databases, _RECORDED_TEXTS),
            "outward": contents.outward,
            "databases": {path: _recorded(database) for path, database in contents.databases.items()},
        }
        _refuse_unreadable(lists)
        return Examined(recorded, lists)

    def was_examined_so(self, recorded: BackupRecord) -> bool:
        """Whether the same tool made it, and saw as much change meanwhile."""
        seen = (TOOL, self._sqlite, len(self.snapshot.contents.changing))
        return (recorded.tool, recorded.sqlite, recorded.changing) == seen

    def warnings(self) -> Iterator[str]:
        """What a person must know of it, though it is backed up."""
        contents = self.snapshot.contents
        yield from _told(f"written to while it was read, so of several moments perhaps ({_STILL})", contents.changing)
        yield from _told("not in the backup", contents.left_out)
        yield from _told("kept as plain files, which only begin as SQLite's databases do", contents.not_databases)

    def notes(self) -> Iterator[str]:
        """What is as it should be, and good to know."""
        contents = self.snapshot.contents
        yield from _told("databases in it, each as of one moment", tuple(contents.databases))
        yield from _told("symlinks that lead out of it, kept as they are", contents.outward)

    @property
    def _sqlite(self) -> str | None:
        return SQLITE if self.snapshot.contents.databases else None


def bounded(texts: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The texts; of more than `most` the first, and how many more there are."""
    return texts if len(texts) <= most else (*texts[: most - 1], f"and {len(texts) - most + 1:,} more")


def _told(what: str, texts: tuple[str, ...]) -> Iterator[str]:
    if texts:
        yield f"{what}: {'; '.join(bounded(texts, _SHOWN_TEXTS))}"


def _recorded(database: DatabaseInVolume) -> dict[str, Any]:
    return {
        "raw_sha256": database.raw_sha256,
        "raw_bytes": database.raw_bytes,
        "page_size": database.facts.page_size,
        "schema_sha256": database.facts.schema_sha256,
        "rows": database.facts.rows,
    }


def _refuse_unreadable(lists: Mapping[str, Any]) -> None:
    """A record that is too long to be read again would make its archive a damaged one."""
    text = msgspec.json.encode(lists)
    if len(text) > RECORD_BYTES_MAX // 4 or text.count(b",") > RECORD_VALUES_MAX // 2:
        came_back = f"{len(lists['outward']):,} symlinks that lead out of it and {len(lists['databases']):,} databases"
        raise SourceError("record of the volume", f"{came_back} are more than an archive's record holds")
