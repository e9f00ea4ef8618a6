"""What is chosen among years of days is what a listing of everything would choose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import clock
from local.events import Event
from local.store import catalog, layout
from local.store.catalog import NEWEST, Choice, Point
from local.store.interface import Entry, Store
from local.store.repository import Repository
from tests.support.listed_store import ListedStore
from tests.support.shelf import SHELF

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
NAMES = ("costs", "hivemind", "knowledge")
ABSENT = "nobody"


@dataclass(frozen=True)
class Content:
    """One content in a random store: how many days before NOW its folder is, and what it says of its time."""

    database: str
    days_back: int
    hours: int
    kind: str
    former: bool

    def entry(self) -> Entry:
        day = (NOW - timedelta(days=self.days_back)).date()
        # Past the ends of the day too: an upload beyond midnight, a local date, a snapshot that was moved by hand.
        moment = datetime.combine(day, time(), UTC) + timedelta(hours=self.hours)
        told = {
            "own": {"taken": clock.timestamp(moment), "sha256": f"{self.hours + 5000:064x}"},
            "legacy": {},
            "odd": {"taken": "soon"},
            "unfinished": {layout.SEED_KEY: "x"},
        }[self.kind]
        version = f"v{self.hours}{self.kind}" if self.former else None
        return Entry(SHELF.data_name(day, self.database), 1, moment, version, told)


contents = st.builds(
    Content,
    database=st.sampled_from(NAMES),
    days_back=st.one_of(st.integers(-3, 4), st.sampled_from([-400, 30, 31, 60, 365, 366])),
    hours=st.one_of(st.integers(-50, 74), st.sampled_from([-20_000, 20_000])),
    kind=st.sampled_from(["own", "own", "own", "legacy", "odd", "unfinished"]),
    former=st.booleans(),
)
choices = st.one_of(
    st.just(NEWEST),
    st.builds(lambda hours: Choice(at=NOW - timedelta(hours=hours)), st.one_of(st.integers(-80, 120), st.just(9000))),
    st.builds(lambda days: Choice(day=(NOW - timedelta(days=days)).date()), st.integers(-3, 32)),
)


def store_of(found: Iterable[Entry]) -> ListedStore:
    """A store that lists these, and a sidecar beside each current one, and what is none of ours."""
    by_name: dict[str, list[Entry]] = {"sqlite/notes/x": [Entry("sqlite/notes/x", 1, NOW)]}
    for entry in found:
        by_name.setdefault(entry.name, []).append(entry)
        sidecar = layout.sidecar_name(entry.name)
        by_name[sidecar] = [Entry(sidecar, 90, entry.modified)]
    names: dict[str, list[str]] = {}
    for name in sorted(by_name):
        _, folder, file = name.split("/")
        names.setdefault(folder, []).append(file)
    return ListedStore("sqlite", names, lambda folder, file: by_name[f"sqlite/{folder}/{file}"])


def nearest_of(points: Sequence[Point], database: str, choice: Choice) -> list[datetime]:
    """What `nearest` must find, from everything."""
    asked = choice.at or datetime.combine(choice.day or date.min, time(), UTC)
    times = sorted(point.taken for point in points if point.name == database)
    return [*[taken for taken in times if taken <= asked][-1:], *[taken for taken in times if taken > asked][:1]]


@given(st.lists(contents, max_size=25), choices)
def test_the_choice_is_that_from_everything(found: list[Content], choice: Choice) -> None:
    entries = [content.entry() for content in found]
    everything = catalog.from_entries(entries, SHELF)
    heard: list[Event] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        repository = Repository(store_of(entries), SHELF, heard.append)
        chosen = repository.choose([*NAMES, ABSENT], choice)
        before = len(heard)
        near = repository.nearest([*NAMES, ABSENT], choice)

    assert chosen == {name: catalog.choose(everything, name, choice, NOW) for name in (*NAMES, ABSENT)}
    ahead = [point for point in everything if choice == NEWEST and catalog.is_future(point.taken, NOW)]
    assert [event.subject for event in heard] == [point.name for point in ahead]
    assert len(heard) == before, "what is near is no choice of the newest"
    for name in (*NAMES, ABSENT):
        assert [point.taken for point in near[name]] == nearest_of(everything, name, choice)
        assert repository.holds(name) == any(point.name == name for point in everything)


@pytest.mark.parametrize("hours", [-20, 5])
@pytest.mark.parametrize("days_back", range(16))
@pytest.mark.usefixtures("at_noon")
def test_neighbouring_days_may_hold_each_other_s_times_wherever_the_steps_end(days_back: int, hours: int) -> None:
    others = [Content("hivemind", back, 5, "own", former=False) for back in range(18)]
    later = Content("costs", days_back, hours, "own", former=False)
    # Under the older day, and taken after the one of the newer.
    earlier = Content("costs", days_back + 1, 40, "own", former=False)
    entries = [content.entry() for content in (*others, earlier, later)]
    everything = catalog.from_entries(entries, SHELF)
    repository = Repository(store_of(entries), SHELF)
    times = [point.taken for point in everything if point.name == "costs"]

    for asked in (*times, *(taken - timedelta(milliseconds=1) for taken in times)):
        choice = Choice(at=asked)
        assert repository.choose(["costs"], choice)["costs"] == catalog.choose(everything, "costs", choice, NOW)
        near = repository.nearest(["costs"], choice)["costs"]
        assert [point.taken for point in near] == nearest_of(everything, "costs", choice)
    assert repository.choose(["costs"], NEWEST)["costs"] == catalog.choose(everything, "costs", NEWEST, NOW)


@given(st.lists(contents, max_size=25))
def test_every_point_is_found_of_all_databases_or_of_some(found: list[Content]) -> None:
    entries = [content.entry() for content in found]
    repository = Repository(store_of(entries), SHELF)
    everything = list(catalog.from_entries(entries, SHELF))

    assert sorted(repository.points(), key=catalog.listing_order) == everything
    some = sorted(repository.points(["costs", "knowledge"]), key=catalog.listing_order)
    assert some == [point for point in everything if point.name != "hivemind"]
    assert list(repository.points(["../x", ""])) == []


@given(st.lists(contents, max_size=25))
def test_a_backup_sees_the_last_current_content_and_what_was_left_of_late(found: list[Content]) -> None:
    entries = [content.entry() for content in found]
    current = [point for point in catalog.from_entries(entries, SHELF) if point.current]
    late = [entry for entry in entries if entry.name >= "sqlite/2026-05-04"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        seen = Repository(store_of(entries), SHELF).recent_entries(NAMES, NOW.date())

    points = [point for point in catalog.from_entries(seen, SHELF) if point.current]
    for name in NAMES:
        assert catalog.choose(points, name, NEWEST, NOW) == catalog.choose(current, name, NEWEST, NOW)
    assert all(entry in seen for entry in late)


@pytest.mark.parametrize("edge", ["9999-12-31", "0001-01-01"])
def test_the_ends_of_the_calendar_can_be_asked_for(edge: str) -> None:
    repository = Repository(store_of([Content("costs", 0, 5, "own", former=False).entry()]), SHELF)
    expected = [NOW.replace(hour=5)]

    for choice in (catalog.parse_choice(None, edge), catalog.parse_choice(edge, None)):
        repository.choose(["costs"], choice)
        assert [point.taken for point in repository.nearest(["costs"], choice)["costs"]] == expected


def test_the_names_that_a_message_tells_are_few() -> None:
    many = [Content(f"n{number:03}", 0, 5, "own", former=False).entry() for number in range(50)]

    assert Repository(store_of(many), SHELF).known_names(["n001", "mine"]) == [
        "n001",
        "mine",
        *(f"n{number:03}" for number in range(20) if number != 1),
        "…",
    ]
    assert Repository(store_of([]), SHELF).known_names(["mine"]) == ["mine"]


def years(databases: Sequence[str], days: int, stopped: Sequence[str] = (), runs: int = 6) -> ListedStore:
    """So many days until NOW with six backups of each database; of the stopped ones the first day's alone."""
    folders = [(NOW - timedelta(days=back)).date().isoformat() for back in range(days)]
    files = sorted(file for name in databases for file in (f"{name}.db.gz", f"{name}.db.gz.sha256"))
    of_first = sorted([*files, *(f"{name}.db.gz" for name in stopped)])

    def contents(folder: str, file: str) -> Iterable[Entry]:
        modified = datetime.fromisoformat(f"{folder}T08:00:00Z")
        if file.endswith(".sha256"):
            return [Entry(f"sqlite/{folder}/{file}", 90, modified)]
        versions = [*(f"v{run}" for run in range(runs - 1)), None]
        return [
            Entry(f"sqlite/{folder}/{file}", 1, modified - timedelta(minutes=back), version)
            for back, version in enumerate(reversed(versions))
        ]

    return ListedStore("sqlite", dict.fromkeys(folders[:-1], files) | {folders[-1]: of_first}, contents)


FOUR = ("db-1", "db-10", "db-100", "db-1000")
MANY = tuple(f"db-{number}" for number in range(10_000))


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("choice", "requests", "entries"),
    [
        (NEWEST, 1 + 2 * 4, 2 * 4 * 7),
        (Choice(day=date(2026, 1, 1)), 4, 4 * 7),
        (Choice(at=datetime(2026, 1, 1, 12, tzinfo=UTC)), 1 + 3 * 4, 3 * 4 * 7),
    ],
)
@pytest.mark.parametrize("stored", [FOUR, MANY], ids=["four databases", "10,000 databases"])
@pytest.mark.parametrize("days", [365, 3650])
def test_years_and_other_databases_cost_nothing(
    choice: Choice, requests: int, entries: int, stored: Sequence[str], days: int
) -> None:
    store = years(stored, days)

    chosen = Repository(store, SHELF).choose(FOUR, choice)

    assert all(chosen.values())
    assert (store.requests, store.entries_told) == (requests, entries)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("stored", [FOUR, MANY], ids=["four databases", "10,000 databases"])
def test_a_name_that_was_never_stored_costs_one_look_at_each_day(stored: Sequence[str]) -> None:
    store = years(stored, 365)

    assert Repository(store, SHELF).choose([*FOUR, ABSENT], NEWEST)[ABSENT] is None
    assert store.requests == 1 + 365 + 2 * 4
    assert store.entries_told == 2 * 4 * 7
    store = years(stored, 365)
    assert not Repository(store, SHELF).holds(ABSENT)
    assert (store.requests, store.entries_told) == (366, 0)


@pytest.mark.usefixtures("at_noon")
def test_a_database_that_was_taken_out_long_ago_is_found_by_growing_steps() -> None:
    store = years(FOUR, 365, stopped=["removed"])

    found = Repository(store, SHELF).choose(["removed"], NEWEST)["removed"]

    assert found
    assert found.day == date(2025, 5, 6)
    assert store.requests == 1 + 365
    assert store.entries_told == 6


@pytest.mark.usefixtures("at_noon")
def test_where_all_of_thousands_are_asked_for_days_are_listed_and_not_names() -> None:
    store = years(MANY[:1000], 365)

    assert all(Repository(store, SHELF).choose(MANY[:1000], NEWEST).values())
    assert store.requests == 1 + 2 * 7
    assert store.entries_told == 2 * 7_000


@pytest.mark.usefixtures("at_noon")
def test_a_backup_looks_at_two_days_whatever_else_is_stored() -> None:
    store = years(MANY, 3650)

    Repository(store, SHELF).recent_entries(FOUR, NOW.date())

    assert store.requests == 1 + 2 * 4


@pytest.mark.usefixtures("at_noon")
def test_everything_is_listed_by_months() -> None:
    store = years(FOUR, 365)

    assert len(list(Repository(store, SHELF).points())) == 365 * 4 * 6
    assert len(store.listed) == 1 + 13


def test_the_counting_store_lists_as_a_store_does(store: Store) -> None:
    names = ["2026-05-04/a.db.gz", "2026-05-04/b.db.gz", "2026-05-05/a.db.gz", "2026-05-05/a.db.gz.sha256", "x/y"]
    for name in names:
        store.write(f"sqlite/{name}", b"x")
    by_folder: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.partition("/")
        by_folder.setdefault(folder, []).append(file)
    counting = ListedStore("sqlite", by_folder, lambda folder, file: [Entry(f"sqlite/{folder}/{file}", 1, NOW)])

    assert counting.folders("sqlite") == store.folders("sqlite")
    for prefix in ("sqlite", "sqlite/2026-05-05", "sqlite/2026-05-06"):
        for beginning in ("", "2026-05", "2026-05-05", "a", "a.db.gz", "a.db.gz.sha256", "b", "z", "../x"):
            listed = [entry.name for entry in store.entries(prefix, beginning)]
            assert [entry.name for entry in counting.entries(prefix, beginning)] == listed, (prefix, beginning)
