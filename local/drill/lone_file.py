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

import msgspec

from local import clock
from local.drill import preview
from local.drill.order import Target
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

_ALLOWED = "allowed: a .db.gz file, as in --from mission-control.db.gz"


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
    def database(self) -> str:
        """The database that it is of: as its record says, else as the file is called."""
        return self.recorded.database or split_name(self.path.name)[0].removesuffix(".gz").removesuffix(".db")


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
    if any(name != lone.database for name in only):
        raise ConfigError("--only", f"{given} is of the database {lone.database!r}", f"allowed: {lone.database}")
    return lone


def drill_file(lone: LoneFile, databases: Sequence[Database], host: str, watch: Watch) -> DrillReport:
    """Drill the archive on this machine, called `host`; floors and checks are those of its database among `databases`.

    Raises InconclusiveError where the program gave no whole verdict.
    """
    start = DrillStart.now(host)
    outcome = run_program([target_of(lone, databases)], watch)
    return local_report(start, outcome, outcome.databases)


def preview_file(lone: LoneFile, databases: Sequence[Database], host: str) -> DrillReport:
    """What `drill_file` would take; nothing is proven."""
    taken = lone.recorded.taken or lone.modified
    entry = Entry(str(lone.path), lone.size_bytes, lone.modified, etag=lone.etag)
    point = Point(lone.database, taken.date(), taken, entry, lone.recorded, lone.trouble)
    drilled = preview.would_drill(point, _configured(lone, databases))
    if lone.recorded.taken is None:
        # The former script's archives tell no time, and the file's own may be that of its copying.
        drilled = msgspec.structs.replace(drilled, backup_time=None)
    return preview.report([drilled], "local", host, 0.0)


def target_of(lone: LoneFile, databases: Sequence[Database]) -> Target:
    """What a drill of the archive is to prove; floors and checks are those of its database among `databases`."""
    configured = _configured(lone, databases)
    digest, problem = _read_sidecar(lone.path)
    return Target(
        name=lone.database,
        url=lone.path.absolute().as_uri(),
        blob=str(lone.path),
        backup_time=clock.timestamp(lone.recorded.taken) if lone.recorded.taken else None,
        gzip_bytes=lone.size_bytes,
        database_bytes=None,
        sha256=(("sidecar", digest),) if digest else (),
        sidecar_problem=problem,
        raw_sha256=None,
        schema=None,
        tables=None,
        minimum=configured.rows if configured else {},
        checks=configured.checks if configured else {},
        etag=lone.etag,
    )


def _configured(lone: LoneFile, databases: Sequence[Database]) -> Database | None:
    return next((database for database in databases if database.name == lone.database), None)


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
