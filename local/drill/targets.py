"""Which backups a drill takes, and all that is known of each before it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from local import clock
from local.drill.order import Target
from local.errors import StoreError
from local.report import DrilledDatabase, Step, Verdict
from local.settings import Database
from local.store import catalog, layout
from local.store.catalog import NEWEST, Choice, Point
from local.store.interface import Entry, Link, Store
from local.store.repository import Repository

LINK_SECONDS = 60 * 60
# A new blob and its sidecar are committed within a second of each other; a sidecar that is older stays wrong.
_SETTLE_SECONDS = 3
_NO_BACKUP = (
    "the store holds no backup of this database; invoke backup makes one, invoke backup.list shows what is there"
)
# What metadata and record both tell and no field of a target has.
_FACTS = ("page_size", "page_count", "user_version", "row_total", "sqlite", "tool")


@dataclass(frozen=True)
class Selection:
    """Which backups a drill takes: of these databases, out of this repository, at this point in time."""

    repository: Repository
    databases: tuple[Database, ...]
    choice: Choice = NEWEST

    def only(self, names: Collection[str]) -> Selection:
        """The same of some of its databases."""
        return replace(self, databases=tuple(database for database in self.databases if database.name in names))


@dataclass(frozen=True)
class Targets:
    """What can be drilled, and the verdicts on the databases of which there is no backup to drill."""

    found: tuple[Target, ...]
    missing: tuple[DrilledDatabase, ...]


def find_targets(selection: Selection, sleep: Callable[[float], None] = time.sleep, *, here: bool = False) -> Targets:
    """The chosen backup of each database with its link; a database without one has failed: it can't be restored.

    With `here` the links are this machine's own and may hold its token.
    """
    chosen = selection.repository.choose([database.name for database in selection.databases], selection.choice)
    found: list[Target] = []
    missing = [*without_backup(selection, chosen).values()]
    for database in selection.databases:
        point = chosen[database.name]
        if point is None:
            continue
        try:
            settled, sidecar = _settled(selection, _mended(selection.repository, point), sleep)
        except StoreError as error:
            # What stands beside one archive is that point's trouble, and no other's.
            missing.append(undrilled(database.name, "failed", str(error)))
        else:
            link = _link(selection.repository.store, settled.entry, here=here)
            found.append(_target(database, settled, sidecar, link))
    return Targets(tuple(found), tuple(missing))


def without_backup(selection: Selection, chosen: Mapping[str, Point | None]) -> dict[str, DrilledDatabase]:
    """The verdicts on those of which no point was chosen: failed where the store holds nothing of it.

    Where only the time asked for has no backup, nothing is known.
    """
    names = [name for name, point in chosen.items() if point is None]
    near = selection.repository.nearest(names, selection.choice) if names and selection.choice != NEWEST else {}
    return {name: _without_backup(name, selection.choice, near.get(name, ())) for name in names}


def _without_backup(name: str, choice: Choice, near: Sequence[Point]) -> DrilledDatabase:
    if not near:
        return undrilled(name, "failed", _NO_BACKUP)
    asked = f"of {choice.day}" if choice.day else f"at or before {clock.timestamp(choice.at)}" if choice.at else ""
    nearest = " or ".join(f"--at {clock.timestamp(point.taken)}" for point in near)
    detail = f"the store holds no backup of this database {asked}; the nearest there is: {nearest}"
    return undrilled(name, "inconclusive", detail)


def undrilled(name: str, verdict: Verdict, detail: str) -> DrilledDatabase:
    """The result for a database of which no archive was read."""
    return DrilledDatabase(name, verdict, None, None, None, None, None, (Step("download", verdict, 0.0, detail),), {})


def _link(store: Store, entry: Entry, *, here: bool) -> Link:
    return store.link_here(entry, LINK_SECONDS) if here else Link(store.link(entry, LINK_SECONDS))


def _target(database: Database, point: Point, content: bytes | None, link: Link) -> Target:
    """The backup in the program's terms; `content` is the sidecar's."""
    sidecar = layout.parse_sidecar(content) if content else None
    problem = point.trouble or _other(point)
    if point.current and not sidecar:
        problem = "the sidecar is missing" if content is None else "the sidecar holds no SHA-256"
    recorded = point.recorded
    digests = (("metadata", recorded.sha256), ("sidecar", sidecar))
    return Target(
        name=database.name,
        url=link.url,
        headers=link.headers,
        blob=point.entry.name,
        backup_time=clock.timestamp(point.taken),
        gzip_bytes=point.entry.size,
        database_bytes=recorded.raw_bytes,
        sha256=tuple((where, digest) for where, digest in digests if digest),
        sidecar_problem=problem,
        raw_sha256=recorded.raw_sha256,
        schema=recorded.schema_sha256,
        tables=recorded.rows,
        minimum=database.rows,
        checks=database.checks,
        etag=point.entry.etag,
        facts={name: told for name in _FACTS if (told := getattr(recorded, name)) is not None},
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


def _settled(selection: Selection, point: Point, sleep: Callable[[float], None]) -> tuple[Point, bytes | None]:
    """The point and its sidecar's content, both read again for some seconds while one is newer than the other.

    Where they stay so, a killed run left the archive without its sidecar, which is written now; or somebody else did.
    """
    repository = selection.repository
    if not point.current:
        return point, None
    content = repository.store.read(layout.sidecar_name(point.entry.name))
    for _ in range(_SETTLE_SECONDS):
        if not (point.current and _differ(point, content)):
            break
        sleep(1)
        again = repository.points_of(point.day, [point.name])
        point = catalog.choose(again, point.name, selection.choice) or point
        content = repository.store.read(layout.sidecar_name(point.entry.name))
    if point.current and _differ(point, content):
        repository.store.mend(point.entry)
        content = repository.store.read(layout.sidecar_name(point.entry.name))
    return point, content


def _differ(point: Point, sidecar: bytes | None) -> bool:
    return sidecar is None or (
        point.recorded.sha256 is not None and layout.parse_sidecar(sidecar) != point.recorded.sha256
    )
