"""Which backup is restored: a point in time in the store, or a lone archive; chosen once, and that very one fetched."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
from local.settings import NAME, VOLUME_NAME, Database, Settings, Volume
from local.store.catalog import Choice
from local.store.layout import BackupRecord
from local.store.open import open_repository
from local.store.repository import Repository
from local.store.shelf import VOLUMES, Kind
from local.validation import unknown_name


@dataclass(frozen=True)
class BackupSource:
    """The chosen backup of a database or volume, and how a drill finds it; `blob` is None where there is none."""

    name: str
    blob: str | None
    taken: datetime | None
    gzip_bytes: int
    recorded: BackupRecord
    targets: Callable[[], Targets]
    kind: Kind = "database"

    @property
    def backup_time(self) -> str | None:
        """When it was taken, in RFC 3339."""
        return clock.timestamp(self.taken) if self.taken else None


def find_source(configured: Settings, request: RestoreRequest, watch: Watch) -> BackupSource:
    """The backup that the request means; nothing is read of it but what the store lists.

    Raises ConfigError for a name that is neither configured nor stored, and what the store raises.
    """
    if request.archive is not None:
        return _from_file(lone_file.read_file(request.archive, ()), request, configured)
    repository = replace(open_repository(configured.store, configured.azure), watch=watch)
    kind, name = _meant(repository, request.name, configured)
    if kind == "volume":
        return _from_store(Selection(repository, (), request.choice, (Volume(name=name),)), kind, name)
    known = {database.name: database for database in configured.databases}
    # Of a database that is not configured only the name is known; nothing reads the path of one that is drilled.
    database = known.get(name) or Database(name=name, path=Path())
    return _from_store(Selection(repository, (database,), request.choice), kind, name)


def _meant(repository: Repository, name: str | None, configured: Settings) -> tuple[Kind, str]:
    """Which database or volume the name means, be it configured or only stored; a folder before it says on which shelf.

    ConfigError where it means none, or one of each.
    """
    shelves: dict[Kind, Repository] = {"database": repository, "volume": repository.on(VOLUMES)}
    folder, _, last = (name or "").rpartition("/")
    if not folder:
        if last in {database.name for database in configured.databases}:
            return "database", last
        if last in {volume.name for volume in configured.volumes}:
            return "volume", last
    on = {kind: shelf for kind, shelf in shelves.items() if folder in ("", shelf.prefix)}
    stored = [kind for kind, shelf in on.items() if shelf.shelf.may_hold(last) and shelf.holds(last)]
    if len(stored) > 1:
        which = " or ".join(f"invoke restore {shelf.prefix}/{last}" for shelf in shelves.values())
        raise ConfigError(
            "restore", f"the store holds a database and a volume of the name {last}", f"say which: {which}"
        )
    if not stored:
        known = {
            "database": repository.known_names(database.name for database in configured.databases),
            "volume": shelves["volume"].known_names(volume.name for volume in configured.volumes),
        }
        raise _unknown(name, dict.fromkeys([*known["database"], *known["volume"]]))
    return stored[0], last


def _from_store(selection: Selection, kind: Kind, name: str) -> BackupSource:
    (shelved,) = selection.shelved
    point = shelved.repository.choose([name], selection.choice)[name]
    if point is None:
        return BackupSource(name, None, None, 0, BackupRecord(), lambda: find_targets(selection, here=True), kind)
    # A newer one may come while a person reads what would be lost: the one that was shown is the one that is fetched.
    chosen = replace(selection, choice=Choice(point.day, point.taken))
    return BackupSource(
        name,
        point.entry.name,
        point.taken,
        point.entry.size,
        point.recorded,
        lambda: find_targets(chosen, here=True),
        kind,
    )


def _from_file(lone: LoneFile, request: RestoreRequest, configured: Settings) -> BackupSource:
    given, name, kind = request.archive, lone.name, lone.kind
    allowed = VOLUME_NAME if kind == "volume" else NAME
    if request.name not in (None, name):
        recorded = lone.recorded.database or lone.recorded.volume
        says = "its record says" if recorded else "it has no record, and its file name says"
        mend = f"if it is: invoke restore {name} --from …" if allowed.fullmatch(name) else "choose another archive"
        raise ConfigError("--from", f"{given!r} is of another {kind} than {request.name}: {says} {name!r}", mend)
    if not allowed.fullmatch(name):
        raise ConfigError(
            "--from", f"{given!r} is of {name!r}, which is no {kind}'s name", f"allowed: {allowed.pattern}"
        )
    taken = lone.recorded.taken or lone.modified
    found = Targets((lone_file.target_of(lone, configured.databases),), ())
    return BackupSource(name, str(lone.path), taken, lone.size_bytes, lone.recorded, lambda: found, kind)


def _unknown(name: str | None, known: Collection[str]) -> ConfigError:
    if name is not None:
        return unknown_name("restore", name, known, "configured or stored")
    names = ", ".join(known) or "none"
    return ConfigError(
        "restore",
        "the database's or volume's NAME is missing",
        f"say which, as in: invoke restore NAME; known: {names}",
    )
