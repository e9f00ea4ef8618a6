"""Which points are kept: borgmatic's rules against a second, naive implementation, and what is never let go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.settings import RetentionSettings
from local.store.catalog import Point
from local.watch.retention import Decision, Guard, InspectedPoint, decide
from tests.local.watch.values import NOW, ago, point, points


def whole(*points: Point) -> list[InspectedPoint]:
    return [InspectedPoint(each) for each in points]


def rules(**keep: float) -> RetentionSettings:
    return RetentionSettings(**{"max_share": 1.0, **keep})  # type: ignore[arg-type]


def kept(decisions: tuple[Decision, ...]) -> set[datetime]:
    return {each.point.taken for each in decisions if each.kept}


def rule_of(decisions: tuple[Decision, ...], each: Point) -> str:
    (found,) = [decision.rule for decision in decisions if decision.point == each]
    return found


SHARES: list[Callable[[datetime], object]] = [
    lambda taken: taken,
    lambda taken: taken.date(),
    lambda taken: (taken - timedelta(days=taken.weekday())).date(),
    lambda taken: (taken.year, taken.month),
    lambda taken: taken.year,
]


def naive(times: list[datetime], counts: list[int]) -> set[datetime]:
    """A second way: walk from the newest back and keep what begins another period, as often as the count says."""
    found = set()
    for period, count in zip(SHARES, counts, strict=True):
        last: object = None
        left = count
        for taken in sorted(times, reverse=True):
            if period(taken) != last and left:
                found.add(taken)
                left -= 1
            last = period(taken)
    return found


MOMENTS = st.lists(st.integers(49, 24 * 900), unique=True, max_size=40).map(
    lambda hours: [NOW - timedelta(hours=each) for each in hours]
)
COUNTS = st.lists(st.integers(0, 6), min_size=5, max_size=5).filter(any)


def configured(counts: list[int], max_share: float = 1.0) -> RetentionSettings:
    return RetentionSettings(
        keep_last=counts[0],
        keep_daily=counts[1],
        keep_weekly=counts[2],
        keep_monthly=counts[3],
        keep_yearly=counts[4],
        max_share=max_share,
    )


@settings(max_examples=60, deadline=None)
@given(MOMENTS, COUNTS)
def test_it_keeps_what_a_naive_second_implementation_keeps(times: list[datetime], counts: list[int]) -> None:
    found = decide(whole(*points(*times)), configured(counts), Guard(NOW))

    # Beside the rules the newest stays, which was also the newest of the last 24 hours.
    assert kept(found) == naive(times, counts) | set(times and [max(times)])


@settings(max_examples=60, deadline=None)
@given(MOMENTS, COUNTS, st.integers(0, 100), st.sampled_from([0.1, 0.25, 1.0]))
def test_the_newest_and_the_newest_proven_stay_the_share_is_kept_and_a_second_run_removes_nothing(
    times: list[datetime], counts: list[int], chosen: int, max_share: float
) -> None:
    stored = points(*times)
    proven = stored[chosen % len(stored)] if stored else None
    guard = Guard(NOW, proven)

    found = decide(whole(*stored), configured(counts, max_share), guard)

    gone = [each for each in found if not each.kept]
    assert len(gone) <= max_share * len(stored)
    if proven:
        assert {proven.taken, max(times)} <= kept(found)
    if max_share == 1:
        again = decide(whole(*(each.point for each in found if each.kept)), configured(counts), guard)
        assert all(each.kept for each in again)


def test_each_kept_one_says_which_rules_keep_it_and_each_removed_one_which_let_it_go() -> None:
    newest, noon, morning, week, old = points(ago(days=2), ago(days=3), ago(days=3, hours=4), ago(days=9), ago(days=40))

    found = decide(whole(newest, noon, morning, week, old), rules(keep_daily=2, keep_weekly=3), Guard(NOW))

    assert rule_of(found, newest) == "keep_daily 2026-05-03, keep_weekly 2026-W18, newest"
    assert rule_of(found, noon) == "keep_daily 2026-05-02"
    assert rule_of(found, morning) == "keep_weekly: a newer one of 2026-W18 is kept"
    assert rule_of(found, week) == "keep_weekly 2026-W17"
    assert rule_of(found, old) == "keep_weekly 2026-W13"
    far = decide(whole(newest, noon, week, old), rules(keep_weekly=2), Guard(NOW))
    assert rule_of(far, old) == "keep_weekly: 2026-W13 is further back than 2"


def test_weeks_are_those_of_iso_8601_across_the_turn_of_the_year() -> None:
    thursday, friday, monday = (
        datetime.fromisoformat(f"{day}T12:00Z") for day in ("2020-12-31", "2021-01-01", "2021-01-04")
    )

    found = decide(whole(*map(point, (thursday, friday, monday))), rules(keep_weekly=9), Guard(NOW))

    assert kept(found) == {friday, monday}


@pytest.mark.parametrize("defect", ["it is empty", "its sidecar is missing"])
def test_a_damaged_one_takes_no_bucket_from_a_whole_one_and_stays_for_whoever_looks(defect: str) -> None:
    good, bad, newer = points(ago(days=5, hours=4), ago(days=5), ago(days=2))
    inspected = [*whole(good, newer), InspectedPoint(bad, defect)]

    found = decide(inspected, rules(keep_daily=2), Guard(NOW))

    assert kept(found) == {good.taken, bad.taken, newer.taken}
    assert defect in rule_of(found, bad)
    later = decide(inspected, rules(keep_daily=1), Guard(NOW))
    assert kept(later) == {newer.taken}


def test_an_emptied_database_takes_no_bucket_from_the_last_one_with_rows() -> None:
    full, empty = point(ago(days=5, hours=4), version="v"), point(ago(days=5), row_total=0)
    newest = point(ago(days=2), row_total=0)

    found = decide(whole(full, empty, newest), rules(keep_daily=1), Guard(NOW))

    assert full.taken in kept(found)
    assert "before it had 7 rows" in rule_of(found, newest)


def test_a_database_that_was_always_empty_is_whole() -> None:
    stored = [point(ago(days=day), row_total=0) for day in (2, 3, 4)]

    assert kept(decide(whole(*stored), rules(keep_daily=2), Guard(NOW))) == {ago(days=2), ago(days=3)}


def test_what_was_the_newest_within_24_hours_stays_since_it_may_be_being_read() -> None:
    newest, before, then, older = points(ago(hours=1), ago(hours=5), ago(hours=30), ago(hours=31))

    found = decide(whole(newest, before, then, older), rules(keep_last=1), Guard(NOW))

    assert kept(found) == {newest.taken, before.taken, then.taken}
    assert "may be reading it" in rule_of(found, then)


def test_a_point_in_the_future_counts_for_no_rule_and_stays() -> None:
    ahead, newest = point(NOW + timedelta(days=300)), point(ago(days=3))

    found = decide(whole(ahead, newest), rules(keep_last=1), Guard(NOW))

    assert rule_of(found, newest) == "keep_last, newest"
    assert "in the future" in rule_of(found, ahead)


def test_nothing_goes_while_a_drill_failed_or_is_overdue() -> None:
    stored = [point(ago(days=day)) for day in range(2, 9)]

    found = decide(
        whole(*stored), rules(keep_last=1), Guard(NOW, hold="nothing is removed while its newest drill failed")
    )

    assert kept(found) == {each.taken for each in stored}
    assert rule_of(found, stored[-1]) == "nothing is removed while its newest drill failed"


def test_a_day_s_blob_stays_while_a_former_content_of_it_is_kept_and_formers_go_first() -> None:
    former, current = point(ago(days=5, hours=4), version="v"), point(ago(days=5))
    newest, last = point(ago(days=2)), point(ago(days=6))
    inspected = [*whole(former, newest, last), InspectedPoint(current, "it is empty")]

    found = decide(inspected, rules(keep_last=2, max_share=1.0), Guard(NOW, former))

    assert current.taken in kept(found)
    order = [each.point.entry.version for each in found if each.point.day == current.day]
    assert order == ["v", None]


def test_no_more_than_the_share_goes_and_the_oldest_first() -> None:
    stored = [point(ago(days=day)) for day in range(2, 12)]

    found = decide(whole(*stored), rules(keep_last=1, max_share=0.25), Guard(NOW))

    assert [each.point.taken for each in found if not each.kept] == [ago(days=11), ago(days=10)]
    assert rule_of(found, stored[5]) == "max_share 0.25: goes in a later run"
