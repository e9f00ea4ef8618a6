"""What a prune would do: every point looked at, and what no rule keeps; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from local import clock
from local.errors import ConfigError
from local.settings import RetentionSettings, Settings
from local.store import catalog, layout
from local.store.both_shelves import by_shelf
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.repository import Repository
from local.store.shelf import Shelf
from local.validation import unknown_name
from local.watch.facts import DatabaseFacts
from local.watch.history import gather
from local.watch.holds import Holds
from local.watch.retention import Decision, Guard, InspectedPoint, decide

_READS_AT_ONCE = 8
_VERSIONS_STAY = (
    "this account keeps versions: a removed blob stays as one, and is billed, until a later run removes that too"
)


@dataclass(frozen=True)
class PrunePlan:
    """What is to become of each point, and the leftovers of a killed removal; `notes` are what a person must know.

    `copies` are former contents that are the same point as another entry (a snapshot whose commit then failed): such a
    copy goes with its point.
    """

    decisions: tuple[Decision, ...]
    copies: tuple[Point, ...]
    leftovers: tuple[Entry, ...]
    notes: tuple[str, ...]


def rules_of(configured: Settings) -> RetentionSettings:
    """The configured rules; ConfigError where there are none, since nothing is pruned unless somebody said so."""
    if configured.retention is None:
        raise ConfigError(
            "configuration: retention",
            "is missing, so nothing is ever pruned",
            "add it to invoke.yaml, as in: retention: {keep_last: 12, keep_daily: 30, keep_weekly: 12}",
        )
    return configured.retention


def make_plan(configured: Settings, repository: Repository, only: Sequence[str]) -> PrunePlan:
    """What would become of each point of what is configured, or of what `only` names, on either shelf.

    Raises ConfigError where no retention is configured or a name is unknown, and what the store raises.
    """
    rules = rules_of(configured)
    names = tuple(dict.fromkeys(only or configured.names))
    databases, volumes = (_read(shelf, own) for shelf, own in by_shelf(repository, configured, names))
    shelves, stored = (databases, volumes), databases.names | volumes.names
    for name in names:
        if name not in {*configured.names, *stored}:
            known = dict.fromkeys([*configured.names, *sorted(stored)])
            raise unknown_name("--only", name, known, "configured or stored")
    now = clock.now()
    facts = gather(repository, databases.asked, now, configured.drill.max_age_days, volumes.asked)
    holds = Holds.of(repository.store, now, configured.drill.max_age_days)
    decisions = (
        *_decide(databases, facts.databases, rules, holds),
        *_decide(volumes, facts.volumes, rules, holds),
    )
    untouched = stored - {*configured.names, *names}
    return PrunePlan(
        decisions,
        tuple(copy for found in shelves for copy in found.copies),
        tuple(left for found in shelves for left in _ours(found.shelf, found.asked)),
        (*facts.troubles, *_notes(repository, shelves, untouched)),
    )


def defect(point: Point, sidecar: Callable[[], bytes | None]) -> str | None:
    """Why a point is no whole backup, as far as that shows without its content; `sidecar` is asked for if needed.

    A former content's sidecar is its metadata's digest: in Azure it has no other.
    """
    recorded = point.recorded
    if point.trouble:
        return point.trouble
    if point.entry.size == 0:
        return "it is empty"
    if point.contradiction:
        return f"it says that it is of {point.contradiction}"
    if recorded.sha256 is None and (recorded.raw_sha256 or not point.current):
        return "what stands beside it says no SHA-256"
    if not point.current:
        return None
    content = sidecar()
    told = layout.parse_sidecar(content) if content else None
    if told is None:
        return "its sidecar is missing" if content is None else "its sidecar holds no SHA-256"
    return None if recorded.sha256 in (None, told) else "its sidecar and its metadata disagree"


@dataclass(frozen=True)
class _Stored:
    """What a shelf holds: the points of those that were asked for, and copies of them; `names` of all."""

    shelf: Repository
    asked: tuple[str, ...]
    points: tuple[Point, ...]
    copies: tuple[Point, ...]
    names: frozenset[str]
    keeps_versions: bool


def _read(repository: Repository, names: tuple[str, ...]) -> _Stored:
    """One pass over every entry, of which only what is asked for is kept."""
    points: list[Point] = []
    copies: list[Point] = []
    stored: set[str] = set()
    keeps_versions = False
    for _, group in groupby(repository.entries(), key=lambda entry: entry.name):
        entries = list(group)
        found = catalog.from_entries(entries, repository.shelf)
        stored.update(point.name for point in found)
        keeps_versions |= any((point.entry.version or "").startswith("versionid=") for point in found)
        own = [point for point in found if point.name in names]
        points += own
        copies += _copies(entries, own, repository.shelf) if own else ()
    listed = tuple(sorted(points, key=catalog.listing_order))
    return _Stored(repository, names, listed, tuple(copies), frozenset(stored), keeps_versions)


def _decide(
    stored: _Stored, sources: Iterable[DatabaseFacts], rules: RetentionSettings, holds: Holds
) -> Iterator[Decision]:
    """What becomes of each point on one shelf."""
    inspected = _inspect(stored.shelf, stored.points)
    for source in sources:
        own = [each for each in inspected if each.point.name == source.name]
        proven = source.proof.point if source.proof else None
        yield from decide(own, rules, Guard(holds.now, proven, holds.hold(source)))


def _copies(entries: Iterable[Entry], points: Iterable[Point], shelf: Shelf) -> tuple[Point, ...]:
    shown = {(point.entry.name, point.entry.version) for point in points}
    hidden = [entry for entry in entries if entry.version is not None and (entry.name, entry.version) not in shown]
    return tuple(copy for entry in hidden for copy in catalog.from_entries([entry], shelf))


def _inspect(repository: Repository, points: Sequence[Point]) -> list[InspectedPoint]:
    def look(point: Point) -> InspectedPoint:
        sidecar = partial(repository.store.read, layout.sidecar_name(point.entry.name))
        return InspectedPoint(point, defect(point, sidecar))

    with ThreadPoolExecutor(_READS_AT_ONCE, "sidecars") as pool:
        return list(pool.map(look, points))


def _ours(repository: Repository, names: Sequence[str]) -> Iterable[Entry]:
    for left in repository.store.leftovers(repository.prefix):
        parsed = repository.shelf.parse(left.name)
        if parsed and parsed[1] in names:
            yield left


def _notes(repository: Repository, read: Iterable[_Stored], untouched: Collection[str]) -> Iterator[str]:
    afterlife = repository.store.afterlife()
    if afterlife:
        yield afterlife
    if any(found.keeps_versions for found in read):
        yield _VERSIONS_STAY
    for name in sorted(untouched):
        yield f"{name} is stored and not configured: it is not touched without --only {name}"
