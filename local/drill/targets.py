"""Which backups a drill takes, and all that is known of each before it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from local import clock
from local.drill.order import DatabaseTarget, Target, VolumeTarget
from local.errors import StoreError
from local.report import DrilledDatabase, Step, Verdict
from local.settings import Database, Volume
from local.store import catalog, layout
from local.store.catalog import NEWEST, Choice, Point
from local.store.interface import Entry, Link, Store
from local.store.repository import Repository
from local.store.shelf import VOLUMES, Kind

LINK_SECONDS = 60 * 60
# A new blob and its sidecar are committed within a second of each other; a sidecar that is older stays wrong.
_SETTLE_SECONDS = 3
# What metadata and record both tell and no field of a target has.
_FACTS = ("page_size", "page_count", "user_version", "row_total", "sqlite", "tool")
Source = Database | Volume


@dataclass(frozen=True)
class Shelved:
    """Some of what is backed up, all of one kind, and the repository that has the backups of that kind."""

    repository: Repository
    sources: tuple[Source, ...]

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return [source.name for source in self.sources]

    @property
    def kind(self) -> Kind:
        """What they are."""
        return self.repository.shelf.kind


@dataclass(frozen=True)
class Selection:
    """Which backups a drill takes: of these databases and volumes, out of one store, at this point in time.

    `repository` is the databases'; that of the volumes is another shelf of the same store.
    """

    repository: Repository
    databases: tuple[Database, ...] = ()
    choice: Choice = NEWEST
    volumes: tuple[Volume, ...] = ()

    def only(self, names: Collection[str]) -> Selection:
        """The same of some of its databases and volumes."""
        return replace(
            self,
            databases=tuple(database for database in self.databases if database.name in names),
            volumes=tuple(volume for volume in self.volumes if volume.name in names),
        )

    @property
    def shelved(self) -> tuple[Shelved, ...]:
        """The databases and the volumes, each with their own repository; a kind that is empty is left out."""
        both = Shelved(self.repository, self.databases), Shelved(self.repository.on(VOLUMES), self.volumes)
        return tuple(shelved for shelved in both if shelved.sources)


@dataclass(frozen=True)
class Targets:
    """What can be drilled, and the verdicts on that of which there is no backup to drill."""

    found: tuple[Target, ...]
    missing: tuple[DrilledDatabase, ...]


def find_targets(selection: Selection, sleep: Callable[[float], None] = time.sleep, *, here: bool = False) -> Targets:
    """The chosen backup of each database and volume with its link; one without any has failed: it can't be restored.

    With `here` the links are this machine's own and may hold its token.
    """
    found: list[Target] = []
    missing: list[DrilledDatabase] = []
    for shelved in selection.shelved:
        chosen = shelved.repository.choose(shelved.names, selection.choice)
        missing += without_backup(shelved, selection.choice, chosen).values()
        for source in shelved.sources:
            point = chosen[source.name]
            if point is None:
                continue
            try:
                mended = _mended(shelved.repository, point)
                settled, sidecar = _settled(shelved.repository, selection.choice, mended, sleep)
            except StoreError as error:
                # What stands beside one archive is that point's trouble, and no other's.
                missing.append(undrilled(source.name, "failed", str(error)))
            else:
                link = _link(shelved.repository.store, settled.entry, here=here)
                found.append(_target(source, settled, sidecar, link))
    return Targets(tuple(found), tuple(missing))


def without_backup(shelved: Shelved, choice: Choice, chosen: Mapping[str, Point | None]) -> dict[str, DrilledDatabase]:
    """The verdicts on those of which no point was chosen, by name.

    Failed where the store holds nothing of it: it can't be restored. Inconclusive where it only has none for the day
    or moment that was asked for: nothing is known.
    """
    names = [name for name, point in chosen.items() if point is None]
    near = shelved.repository.nearest(names, choice) if names and choice != NEWEST else {}
    return {name: _without_backup(name, shelved.kind, choice, near.get(name, ())) for name in names}


def _without_backup(name: str, kind: Kind, choice: Choice, near: Sequence[Point]) -> DrilledDatabase:
    if not near:
        mend = "invoke backup makes one, invoke backup.list shows what is there"
        return undrilled(name, "failed", f"the store holds no backup of this {kind}; {mend}")
    asked = f"of {choice.day}" if choice.day else f"at or before {clock.timestamp(choice.at)}" if choice.at else ""
    nearest = " or ".join(f"--at {clock.timestamp(point.taken)}" for point in near)
    detail = f"the store holds no backup of this {kind} {asked}; the nearest there is: {nearest}"
    return undrilled(name, "inconclusive", detail)


def undrilled(name: str, verdict: Verdict, detail: str) -> DrilledDatabase:
    """The result for a database or volume of which no archive was read."""
    return DrilledDatabase(name, verdict, None, None, None, None, None, (Step("download", verdict, 0.0, detail),), {})


def _link(store: Store, entry: Entry, *, here: bool) -> Link:
    return store.link_here(entry, LINK_SECONDS) if here else Link(store.link(entry, LINK_SECONDS))


def _target(source: Source, point: Point, content: bytes | None, link: Link) -> Target:
    """The backup in the program's terms; `content` is the sidecar's."""
    sidecar = layout.parse_sidecar(content) if content else None
    problem = point.trouble or _other(point)
    if point.current and not sidecar:
        problem = "the sidecar is missing" if content is None else "the sidecar holds no SHA-256"
    recorded = point.recorded
    digests = (("metadata", recorded.sha256), ("sidecar", sidecar))
    known: dict[str, Any] = {
        "name": source.name,
        "url": link.url,
        "headers": link.headers,
        "blob": point.entry.name,
        "backup_time": clock.timestamp(point.taken),
        "gzip_bytes": point.entry.size,
        "database_bytes": recorded.raw_bytes,
        "sha256": tuple((where, digest) for where, digest in digests if digest),
        "sidecar_problem": problem,
        "raw_sha256": recorded.raw_sha256,
        "etag": point.entry.etag,
        "facts": {name: told for name in _FACTS if (told := getattr(recorded, name)) is not None},
    }
    if isinstance(source, Volume):
        files = {name: getattr(recorded, name) for name in ("files", "file_bytes", "list_sha256")}
        return VolumeTarget(**known, **files)
    return DatabaseTarget(
        **known, schema=recorded.schema_sha256, tables=recorded.rows, minimum=source.rows, checks=source.checks
    )


def _mended(repository: Repository, point: Point) -> Point:
    """The point, once what stands beside its archive is written again where a killed run left it torn."""
    if point.recorded.sha256 or not point.recorded.raw_sha256:
        return point
    (mended,) = catalog.from_entries([repository.store.mend(point.entry)], repository.shelf)
    return mended


def _other(point: Point) -> str | None:
    """Why this cannot be a backup of what its blob's name says, if its metadata says so."""
    return f"the metadata says that it is of {point.contradiction}" if point.contradiction else None


def _settled(
    repository: Repository, choice: Choice, point: Point, sleep: Callable[[float], None]
) -> tuple[Point, bytes | None]:
    """The point and its sidecar's content, both read again for some seconds while one is newer than the other.

    Where they stay so, a killed run left the archive without its sidecar, which is written now; or somebody else did.
    """
    if not point.current:
        return point, None
    content = repository.store.read(layout.sidecar_name(point.entry.name))
    for _ in range(_SETTLE_SECONDS):
        if not (point.current and _differ(point, content)):
            break
        sleep(1)
        again = repository.points_of(point.day, [point.name])
        point = catalog.choose(again, point.name, choice) or point
        content = repository.store.read(layout.sidecar_name(point.entry.name))
    if point.current and _differ(point, content):
        repository.store.mend(point.entry)
        content = repository.store.read(layout.sidecar_name(point.entry.name))
    return point, content


def _differ(point: Point, sidecar: bytes | None) -> bool:
    return sidecar is None or (
        point.recorded.sha256 is not None and layout.parse_sidecar(sidecar) != point.recorded.sha256
    )
