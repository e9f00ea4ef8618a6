"""Which backup is restored: a point in time in the store, or a lone archive; chosen once, and that very one fetched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from local import clock
from local.drill import lone_file
from local.drill.lone_file import LoneFile
from local.drill.targets import Selection, Targets, find_targets
from local.errors import ConfigError
from local.events import Watch
from local.restore.request import RestoreRequest
from local.settings import NAME, Database, Settings
from local.store.catalog import Choice
from local.store.layout import BackupRecord
from local.store.open import open_repository
from local.store.repository import Repository
from local.validation import unknown_name


@dataclass(frozen=True)
class BackupSource:
    """The chosen backup of a database, and how a drill finds it; `blob` is None where there is none to restore."""

    name: str
    blob: str | None
    taken: datetime | None
    gzip_bytes: int
    recorded: BackupRecord
    targets: Callable[[], Targets]

    @property
    def backup_time(self) -> str | None:
        """When it was taken, in RFC 3339."""
        return clock.timestamp(self.taken) if self.taken else None


def find_source(configured: Settings, request: RestoreRequest, watch: Watch) -> BackupSource:
    """The backup that the request means; nothing is read of it but what the store lists.

    Raises ConfigError for a name that is neither configured nor stored, and what the store raises.
    """
    if request.archive is not None:
        return _from_file(lone_file.read_file(request.archive, ()), request, configured.databases)
    repository = replace(open_repository(configured.store, configured.azure), watch=watch)
    return _from_store(repository, request, configured.databases)


def _from_store(repository: Repository, request: RestoreRequest, databases: Sequence[Database]) -> BackupSource:
    configured = {database.name: database for database in databases}
    if request.name not in configured and (request.name is None or not repository.holds(request.name)):
        raise _unknown(request.name, repository.known_names(configured))
    # Of a database that is not configured only the name is known; nothing reads the path of one that is drilled.
    database = configured.get(request.name) or Database(name=request.name, path=Path())
    selection = Selection(repository, (database,), request.choice)
    point = repository.choose([database.name], request.choice)[database.name]
    if point is None:
        return BackupSource(database.name, None, None, 0, BackupRecord(), lambda: find_targets(selection, here=True))
    # A newer one may come while a person reads what would be lost: the one that was shown is the one that is fetched.
    chosen = replace(selection, choice=Choice(point.day, point.taken))
    name, blob = database.name, point.entry.name
    return BackupSource(
        name, blob, point.taken, point.entry.size, point.recorded, lambda: find_targets(chosen, here=True)
    )


def _from_file(lone: LoneFile, request: RestoreRequest, databases: Sequence[Database]) -> BackupSource:
    given, name = request.archive, lone.name
    if request.name not in (None, name):
        says = "its record says" if lone.recorded.database else "it has no record, and its file name says"
        mend = f"if it is: invoke restore {name} --from …" if NAME.fullmatch(name) else "choose another archive"
        raise ConfigError("--from", f"{given!r} is of another database than {request.name}: {says} {name!r}", mend)
    if not NAME.fullmatch(name):
        raise ConfigError(
            "--from", f"{given!r} is of {name!r}, which is no database's name", f"allowed: {NAME.pattern}"
        )
    taken = lone.recorded.taken or lone.modified
    found = Targets((lone_file.target_of(lone, databases),), ())
    return BackupSource(name, str(lone.path), taken, lone.size_bytes, lone.recorded, lambda: found)


def _unknown(name: str | None, known: Collection[str]) -> ConfigError:
    if name is not None:
        return unknown_name("restore", name, known, "configured or stored")
    names = ", ".join(known) or "none"
    return ConfigError(
        "restore", "the database's NAME is missing", f"say which, as in: invoke restore NAME; known: {names}"
    )
