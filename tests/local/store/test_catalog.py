"""Which entries of a store are points in time, and which of them a name, a day and a moment choose."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import clock
from local.errors import ConfigError
from local.output.listing import listing
from local.store import catalog
from local.store.catalog import Choice
from local.store.interface import Entry
from tests.support.shelf import SHELF

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
NAME = "sqlite/2026-05-05/costs.db.gz"


def entry(name: str = NAME, **changes: object) -> Entry:
    fields: dict[str, object] = {"name": name, "size": 1, "modified": NOON, **changes}
    return Entry(**fields)  # type: ignore[arg-type]


def test_sidecars_drill_records_and_what_others_left_are_no_points() -> None:
    names = [NAME, f"{NAME}.sha256", "drills/2026-05-05/x.json", "sqlite/notes.txt", "sqlite/2026-13-05/costs.db.gz"]

    points = catalog.from_entries([entry(name) for name in names], SHELF)

    assert [(point.name, point.day) for point in points] == [("costs", date(2026, 5, 5))]


def test_an_upload_that_never_came_to_its_commit_is_no_point() -> None:
    assert catalog.from_entries([entry(metadata={"seeded_from": "sqlite/2026-05-04/costs.db.gz"})], SHELF) == ()


def test_a_content_that_stands_there_twice_is_one_point_and_the_current_one() -> None:
    metadata = {"sha256": "a" * 64, "taken": "2026-05-05T04:00:00.000Z"}
    kept, current = entry(version="1", metadata=metadata), entry(metadata=metadata)

    for order in ([kept, current], [current, kept]):
        (point,) = catalog.from_entries(order, SHELF)
        assert point.current


def test_a_backup_that_records_no_time_was_taken_when_it_was_stored() -> None:
    (point,) = catalog.from_entries([entry()], SHELF)

    assert point.taken == NOON


def test_metadata_that_does_not_read_is_told_at_that_point_alone() -> None:
    spoilt, sound = entry(metadata={"raw_bytes": "many"}), entry("sqlite/2026-05-05/knowledge.db.gz")

    by_name = {point.name: point for point in catalog.from_entries([spoilt, sound], SHELF)}

    assert "raw_bytes" in (by_name["costs"].trouble or "")
    assert by_name["knowledge"].trouble is None


@given(st.lists(st.integers(min_value=0, max_value=5000), max_size=20), st.integers(min_value=-10, max_value=5010))
def test_a_moment_chooses_the_newest_point_that_is_not_later(hours: list[int], asked: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(hours=hour) for hour in hours]
    points = catalog.from_entries(
        [entry(f"sqlite/{taken.date()}/costs.db.gz", modified=taken, version=str(taken)) for taken in times], SHELF
    )
    at = start + timedelta(hours=asked)

    chosen = catalog.choose(points, "costs", Choice(at=at))

    assert (chosen.taken if chosen else None) == max((taken for taken in times if taken <= at), default=None)


def test_a_day_chooses_among_its_own_points() -> None:
    points = catalog.from_entries([entry(), entry("sqlite/2026-05-06/costs.db.gz")], SHELF)

    chosen = catalog.choose(points, "costs", Choice(day=date(2026, 5, 5)))

    assert chosen
    assert chosen.entry.name == NAME
    assert catalog.choose(points, "costs", Choice(day=date(2026, 5, 7))) is None


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "05/05/2026", "", " "])
def test_a_day_or_moment_that_does_not_read_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigError, match="--date"):
        catalog.parse_choice(text, None)
    with pytest.raises(ConfigError, match="--at"):
        catalog.parse_choice(None, text)


def test_a_moment_without_an_offset_is_utc_and_a_day_alone_means_its_end() -> None:
    assert catalog.parse_moment("2026-05-05T12:00:00") == NOON
    assert catalog.parse_moment("2026-05-05T14:00:00+02:00") == NOON
    assert catalog.parse_moment("2026-05-05") == datetime(2026, 5, 5, 23, 59, 59, 999000, tzinfo=UTC)


def test_a_day_and_a_moment_together_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match="--date and --at"):
        catalog.parse_choice("2026-05-05", "2026-05-05T12:00:00Z")


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01"])
def test_the_first_and_the_last_day_are_moments_too(text: str) -> None:
    assert catalog.parse_moment(text).date().isoformat() == text


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_moment_that_no_clock_in_utc_shows_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigError, match="--at"):
        catalog.parse_moment(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_the_text_that_the_list_shows_finds_its_point(modified: datetime) -> None:
    points = catalog.from_entries([entry(modified=modified)], SHELF)
    shown = listing(points).backups[0].backup_time

    for pasted in (shown, f"  {shown}\n"):
        assert catalog.choose(points, "costs", catalog.parse_choice(None, pasted)) == points[0]


TAKEN_WRONGLY = ["2026-05-05T12:00:00", "9999-12-31T23:59:59-12:00", "soon"]


@pytest.mark.parametrize("metadata", [*({"taken": taken} for taken in TAKEN_WRONGLY), {"rows": "[" * 100_000}])
def test_a_point_of_odd_metadata_is_told_and_ends_no_list(metadata: dict[str, str]) -> None:
    other = entry("sqlite/2026-05-06/costs.db.gz", modified=NOON + timedelta(days=1))

    odd, sound = catalog.from_entries([entry(metadata=metadata), other], SHELF)

    assert odd.trouble
    assert (odd.taken, sound.trouble) == (NOON, None)


def test_a_point_in_the_future_is_not_the_newest_and_is_reached_when_asked_for() -> None:
    now = NOON + timedelta(hours=1)
    future = entry("sqlite/2027-05-05/costs.db.gz", modified=NOON + timedelta(days=365))
    points = catalog.from_entries([entry(), future], SHELF)
    sound, ahead = points

    assert catalog.choose(points, "costs", now=now) == sound
    assert catalog.choose(points, "costs", Choice(at=ahead.taken), now) == ahead
    assert catalog.choose(points, "costs", Choice(day=ahead.day), now) == ahead
    assert catalog.choose(points, "costs", now=ahead.taken) == ahead


def test_clocks_may_differ_by_some_minutes() -> None:
    points = catalog.from_entries([entry()], SHELF)

    assert catalog.choose(points, "costs", now=NOON - timedelta(minutes=9)) == points[0]
    assert catalog.choose(points, "costs", now=NOON - timedelta(minutes=11)) is None


@pytest.mark.parametrize("metadata", [{}, {"taken": "{}"}, {"taken": "soon"}], ids=["legacy", "own", "odd"])
@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("2026-05-06T00:40:00.000Z", "2026-05-06T00:40:00.000Z"),
        ("2026-05-04T22:30:00.000Z", "2026-05-04T22:30:00.000Z"),
        ("2028-01-01T00:00:00.000Z", "2026-05-05T23:59:59.999Z"),
        ("1970-01-01T00:00:00.000Z", "2026-05-05T00:00:00.000Z"),
    ],
    ids=["an upload beyond midnight", "a local date", "a copy to another account", "a file without a time"],
)
def test_a_point_is_of_its_folder_s_day_whatever_time_it_says(metadata: dict[str, str], said: str, taken: str) -> None:
    told = {key: text.format(said) for key, text in metadata.items()}

    (point,) = catalog.from_entries([entry(modified=datetime.fromisoformat(said), metadata=told)], SHELF)

    assert clock.timestamp(point.taken) == taken


def test_two_contents_that_are_moved_to_the_same_time_are_two_points() -> None:
    copied = [entry(version=str(hour), modified=NOON + timedelta(days=90, hours=hour)) for hour in (1, 2)]

    first, second = catalog.from_entries(copied, SHELF)

    assert first.taken == second.taken
    assert first.identity != second.identity
