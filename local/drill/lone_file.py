"""`invoke drill.local --from FILE`: the drill of one archive that somebody copied, which proves itself.

What is known of it is its own record, the `.sha256` beside it where there is one, and the floors and checks of the
database in the configuration. No store is opened, and no record of the drill is kept.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from local import clock
from local.drill import preview
from local.drill.order import DatabaseTarget, Target, VolumeTarget
from local.drill.record import DrillStart, local_report
from local.drill.run import run_program
from local.drill_program.download import file_etag
from local.drill_program.record import RecordError
from local.errors import ConfigError
from local.events import Watch
from local.report import DrillReport
from local.settings import Database
from local.store import archive_end, layout
from local.store.catalog import Point
from local.store.folder_names import SIDECAR_SUFFIX, beside, split_name
from local.store.interface import SMALL_BLOB_BYTES, Entry
from local.store.layout import BackupRecord
from local.store.regular_file import open_regular
from local.store.shelf import VOLUMES, Kind

_ALLOWED = "allowed: a .db.gz or .tar.gz file, as in --from mission-control.db.gz"


@dataclass(frozen=True)
class LoneFile:
    """An archive outside of any store: what the file system and its own record say (nothing, where it has none)."""

    path: Path
    size_bytes: int
    modified: datetime
    etag: str
    recorded: BackupRecord
    trouble: str | None

    @property
    def kind(self) -> Kind:
        """What it is of: as its record says, else as the file is called."""
        if self.recorded.volume or self.recorded.database:
            return "volume" if self.recorded.volume else "database"
        return "volume" if self.path.name.endswith(VOLUMES.suffix) else "database"

    @property
    def name(self) -> str:
        """The database or volume that it is of: as its record says, else as the file is called."""
        file = split_name(self.path.name)[0].removesuffix(".gz").removesuffix(".db").removesuffix(".tar")
        return self.recorded.volume or self.recorded.database or file


def read_file(given: str, only: Sequence[str]) -> LoneFile:
    """The archive at the path that `--from` was given; ConfigError where there is none, or `--only` names another."""
    path = Path(os.path.expanduser(given))  # noqa: PTH111 - Path's own raises where there is no such user
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise ConfigError("--from", f"{given!r}: {getattr(error, 'strerror', error)}", _ALLOWED) from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise ConfigError("--from", f"{given!r} is {kind}", _ALLOWED)
    recorded, trouble = _read_record(path, found.st_size)
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    lone = LoneFile(path, found.st_size, modified, file_etag(found), recorded, trouble)
    if any(name != lone.name for name in only):
        raise ConfigError("--only", f"{given} is of the {lone.kind} {lone.name!r}", f"allowed: {lone.name}")
    return lone


def drill_file(lone: LoneFile, databases: Sequence[Database], host: str, watch: Watch) -> DrillReport:
    """Drill the archive on this machine, called `host`; floors and checks are those of its database among `databases`.

    Raises InconclusiveError where the program gave no whole verdict.
    """
    start = DrillStart.now(host)
    outcome = run_program([target_of(lone, databases)], watch)
    return local_report(start, outcome)


def preview_file(lone: LoneFile, databases: Sequence[Database], host: str) -> DrillReport:
    """What `drill_file` would take; nothing is proven."""
    taken = lone.recorded.taken or lone.modified
    entry = Entry(str(lone.path), lone.size_bytes, lone.modified, etag=lone.etag)
    point = Point(lone.name, taken.date(), taken, entry, lone.recorded, lone.trouble, lone.kind)
    drilled = preview.would_drill(point, _configured(lone, databases))
    if lone.recorded.taken is None:
        # The former script's archives tell no time, and the file's own may be that of its copying.
        drilled = msgspec.structs.replace(drilled, backup_time=None)
    is_volume = lone.kind == "volume"
    return preview.report([] if is_volume else [drilled], [drilled] if is_volume else [], "local", host, 0.0)


def target_of(lone: LoneFile, databases: Sequence[Database]) -> Target:
    """What a drill of the archive is to prove; floors and checks are those of its database among `databases`."""
    digest, problem = _read_sidecar(lone.path)
    known: dict[str, Any] = {
        "name": lone.name,
        "url": lone.path.absolute().as_uri(),
        "blob": str(lone.path),
        "backup_time": clock.timestamp(lone.recorded.taken) if lone.recorded.taken else None,
        "gzip_bytes": lone.size_bytes,
        "database_bytes": None,
        "sha256": (("sidecar", digest),) if digest else (),
        "sidecar_problem": problem,
        "raw_sha256": None,
        "etag": lone.etag,
    }
    if lone.kind == "volume":
        return VolumeTarget(**known)
    configured = _configured(lone, databases)
    return DatabaseTarget(
        **known, minimum=configured.rows if configured else {}, checks=configured.checks if configured else {}
    )


def _configured(lone: LoneFile, databases: Sequence[Database]) -> Database | None:
    return next((each for each in databases if lone.kind == "database" and each.name == lone.name), None)


def _read_record(path: Path, size_bytes: int) -> tuple[BackupRecord, str | None]:
    """What the archive's record says, and why it does not read: the drill then comes to that by itself."""
    try:
        with open_regular(path) as file:
            found = archive_end.read_record(file, size_bytes)
        return (layout.recorded_in(found.fields) if found else BackupRecord()), None
    except (RecordError, ValueError) as error:
        return BackupRecord(), str(error)
    except OSError as error:
        return BackupRecord(), f"the archive cannot be read: {error.strerror}"


def _read_sidecar(path: Path) -> tuple[str | None, str | None]:
    """The digest in the sidecar beside an archive, if there is one; and why there is none in it."""
    try:
        with open_regular(beside(path, SIDECAR_SUFFIX)) as file:
            digest = layout.parse_sidecar(file.read(SMALL_BLOB_BYTES))
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, f"the sidecar cannot be read: {error.strerror}"
    return digest, None if digest else "the sidecar holds no SHA-256"
