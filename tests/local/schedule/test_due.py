"""When the month's drill is due: tables of months, and what the records of a real store make of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from local.report import Verdict
from local.schedule.due import DrillAttempt, decide, first_business_day
from local.schedule.month import gather
from local.store.folder import FolderStore
from tests.local.store.archives import FIRST
from tests.local.watch.stored import ListingStore, drilled, keep_drill

# From the countries' own laws: 1 January and 1 May are holidays in Norway, 1 January and Labor Day (the first Monday of
# September) in the United States; 5 July 2027 is where the Fourth is observed; Easter Monday 2024 was 1 April.
FIRST_DAYS = {
    "NO": {2026: (2, 2, 2, 1, 4, 1, 1, 3, 1, 1, 2, 1), 2024: (2, 1, 1, 2, 2, 3, 1, 1, 2, 1, 1, 2)},
    "US": {2026: (2, 2, 2, 1, 1, 1, 1, 3, 1, 1, 2, 1), 2028: (3, 1, 1, 3, 1, 1, 3, 1, 1, 2, 1, 1)},
    None: {2026: (1, 2, 2, 1, 1, 1, 1, 3, 1, 1, 2, 1), 2024: (1, 1, 1, 1, 1, 3, 1, 1, 2, 1, 1, 2)},
}
DUE_DAY = date(2026, 5, 4)


@pytest.fixture(params=["Europe/Oslo", "Pacific/Auckland", "America/Los_Angeles"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This machine stands somewhere else."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("country", "year", "days"),
    [(country, year, days) for country, years in FIRST_DAYS.items() for year, days in years.items()],
)
def test_the_first_business_day_of_every_month(country: str | None, year: int, days: tuple[int, ...]) -> None:
    assert tuple(first_business_day(year, month, country).day for month in range(1, 13)) == days


def test_a_country_has_its_own_weekend() -> None:
    assert first_business_day(2026, 5, "EG") == date(2026, 5, 3)  # a Sunday; the first is a Friday


@pytest.mark.parametrize(
    ("today", "attempts", "due"),
    [
        (date(2026, 5, 1), [], ()),
        (date(2026, 5, 3), [], ()),
        (DUE_DAY, [], ("costs", "hivemind")),
        (date(2026, 5, 31), [], ("costs", "hivemind")),
        (DUE_DAY, [("costs", date(2026, 4, 30), "passed")], ("costs", "hivemind")),
        (DUE_DAY, [("costs", date(2026, 5, 1), "passed")], ("hivemind",)),
        (DUE_DAY, [("costs", DUE_DAY, "failed"), ("hivemind", DUE_DAY, "passed")], ()),
        (DUE_DAY, [("costs", DUE_DAY, "inconclusive"), ("hivemind", DUE_DAY, "passed")], ("costs",)),
        (DUE_DAY, [("costs", DUE_DAY, "inconclusive"), ("costs", DUE_DAY, "passed")], ("hivemind",)),
        (date(2026, 6, 1), [("costs", DUE_DAY, "passed"), ("hivemind", DUE_DAY, "passed")], ("costs", "hivemind")),
        # a year before, in the same month; the clock has been set back behind what was drilled; another's database
        (DUE_DAY, [("costs", date(2025, 5, 5), "passed")], ("costs", "hivemind")),
        (date(2026, 4, 1), [("costs", DUE_DAY, "passed")], ("costs", "hivemind")),
        (DUE_DAY, [("former", DUE_DAY, "passed")], ("costs", "hivemind")),
    ],
)
def test_it_stays_due_until_each_database_has_a_verdict_of_the_month(
    today: date, attempts: list[tuple[str, date, Verdict]], due: tuple[str, ...]
) -> None:
    country = "NO" if today.month != 4 else None
    found = decide(("costs", "hivemind"), today, [DrillAttempt(*each) for each in attempts], country)

    assert found.names == due
    assert found.due is bool(due)


def test_the_reason_names_the_day_what_is_missing_and_what_was_open() -> None:
    early = decide(("costs",), date(2026, 5, 1), [], "NO")
    late = decide(("costs",), date(2026, 5, 6), [DrillAttempt("costs", date(2026, 5, 5), "inconclusive")], "NO")
    done = decide(("costs",), date(2026, 5, 6), [DrillAttempt("costs", date(2026, 5, 5), "failed")], "NO")

    assert early.reason == "not before Monday 2026-05-04, the month's first business day (NO)"
    assert "not drilled in 2026-05: costs (the one of 2026-05-05 was inconclusive)" in late.reason
    assert done.reason == "everything was drilled in 2026-05"


def test_each_month_of_a_year_has_one_drill_whatever_is_drilled_daily() -> None:
    """Each day asks; a drill that is due and inconclusive on its first two days is done on the third."""
    attempts: list[DrillAttempt] = []
    for ordinal in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal()):
        today = date.fromordinal(ordinal)
        if decide(("costs",), today, attempts, "NO").due:
            open_days = [each for each in attempts if (each.day.year, each.day.month) == (today.year, today.month)]
            attempts.append(DrillAttempt("costs", today, "passed" if len(open_days) == 2 else "inconclusive"))

    passed = [each.day for each in attempts if each.verdict == "passed"]
    assert [day.month for day in passed] == list(range(1, 13))
    assert [day.day for day in passed] == [day + 2 for day in FIRST_DAYS["NO"][2026]]


def test_the_month_is_that_of_the_machines_own_calendar(zone: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for hour in range(48):  # one each hour of UTC's last day of April and first of May
        keep_drill(store, datetime(2026, 4, 30, tzinfo=UTC) + timedelta(hours=hour), [drilled(FIRST)])

    found = gather(store, ("hivemind",), datetime(2026, 5, 20, 12, tzinfo=UTC))

    offset = {"Europe/Oslo": 2, "Pacific/Auckland": 12, "America/Los_Angeles": -7}[zone]
    assert sum(each.day.month == 5 for each in found.attempts) == min(48, 24 + offset)
    assert found.today.month == 5


def test_records_are_read_back_to_the_last_verdict_and_no_further(tmp_path: Path) -> None:
    store = ListingStore(tmp_path)
    for day in range(1, 21):
        keep_drill(store, datetime(2026, 5, day, 9, tzinfo=UTC), [drilled(FIRST)])

    gather(store, ("costs",), datetime(2026, 5, 20, 12, tzinfo=UTC))

    assert store.listed == ["drills/2026-05-20"]


def test_a_record_that_no_drill_wrote_is_told_and_counts_for_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("drills/2026-05-05/x.json", b"{}")
    keep_drill(store, datetime(2026, 5, 19, tzinfo=UTC), [drilled(FIRST)])  # the clock of whoever wrote it is ahead

    found = gather(store, ("costs",), datetime(2026, 5, 6, 12, tzinfo=UTC))

    assert found.attempts == ()
    assert "drills/2026-05-05/x.json" in found.troubles[0]
