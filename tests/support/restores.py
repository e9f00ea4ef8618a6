"""What the tests of restores share: an archive of a database that was counted, and requests for it."""

from __future__ import annotations

from pathlib import Path

from local.events import unwatched
from local.restore.request import RestoreOptions, read_request
from local.restore.source import BackupSource, find_source
from local.settings import Database, Settings, StoreSettings
from tests.support.drill_archives import members


def lone_archive(folder: Path, raw: bytes, name: str = "costs") -> Path:
    """An archive of `raw` outside of any store, whose record says that it is of the database `name`."""
    path = folder / f"{name}.db.gz"
    path.write_bytes(members(raw, database=name))
    return path


def settings_of(folder: Path, *databases: Database) -> Settings:
    """A configuration whose store is an empty folder below `folder`."""
    (folder / "store").mkdir(exist_ok=True)
    known = databases or (Database(name="costs", path=folder / "live" / "costs.db"),)
    return Settings(store=StoreSettings(url=(folder / "store").as_uri()), databases=known)


def source_of(archive: Path, settings: Settings) -> BackupSource:
    """The archive as the backup to be restored."""
    return find_source(settings, read_request(RestoreOptions(from_=str(archive))), unwatched)
