"""A database's snapshot as what is backed up: it must be sound, and its tables' counts are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.backup.upload import Examined
from local.sqlite import snapshot
from local.store.layout import BackupRecord
from local.version import TOOL


@dataclass(frozen=True)
class DatabaseToStore:
    """The snapshot `file` of a database, as of `taken`."""

    name: str
    taken: datetime
    file: Path

    def examine(self) -> Examined:
        """Check and count; raises SourceError for a database that is not sound."""
        facts = snapshot.examine(self.file)
        recorded = BackupRecord(
            database=self.name,
            taken=self.taken,
            content_since=self.taken,
            raw_bytes=facts.page_size * facts.page_count,
            page_size=facts.page_size,
            page_count=facts.page_count,
            user_version=facts.user_version,
            schema_sha256=facts.schema_sha256,
            rows=facts.rows,
            row_total=sum(facts.rows.values()),
            sqlite=facts.sqlite,
            tool=TOOL,
        )
        return Examined(recorded, note=facts.unchecked)

    def was_examined_so(self, recorded: BackupRecord) -> bool:
        """Whether the same check by the same library found what is recorded."""
        return (recorded.tool, recorded.sqlite) == (TOOL, snapshot.SQLITE)
