"""The state machine as tables: thousands of runs, each change told once."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from local.alerts.state import Observation, Standing, Standings, advance, told, untold

START = datetime(2026, 5, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run(history: str, delivered: str = "") -> str:
    """What is told of each run of "f" (failed) or "." (right): F, R (recovered) or - for nothing.

    `delivered` has an x for each run whose message reaches nobody.
    """
    standings: Standings = {}
    said = ""
    for index, seen in enumerate(history):
        now = START + index * HOUR
        outcome = Observation("costs", "backup", seen == "f", now)
        standings = advance(standings, [outcome], now)
        changes = untold(standings, [outcome])
        said += ("F" if changes[0].standing.is_wrong else "R") if changes else "-"
        if delivered[index : index + 1] != "x":
            standings = told(standings, changes)
    return said


@pytest.mark.parametrize(
    ("history", "delivered", "said"),
    [
        ("....", "", "----"),
        ("ffff", "", "F---"),
        ("..ff..", "", "--F-R-"),
        ("f.f.f", "", "FRFRF"),
        ("ffff..", "xx", "FFF-R-"),  # what reached nobody is told by the next run
        ("fff...", "xxxx", "FFFRR-"),  # a whole outage without a network: told once it is back
        ("f..", " x", "FRR"),
        ("", "", ""),
    ],
)
def test_one_alert_a_change_of_state(history: str, delivered: str, said: str) -> None:
    assert run(history, delivered) == said


def test_of_thousands_of_runs_each_change_is_told_once() -> None:
    source = random.Random(9)
    history = "".join(source.choice(".f") * source.randint(1, 60) for _ in range(300))
    changes = [after for before, after in zip("." + history, history, strict=False) if before != after]

    said = run(history)

    assert len(history) > 5000
    assert said.replace("-", "") == "".join("F" if seen == "f" else "R" for seen in changes)
    # Each in the very run in which it happened.
    assert [index for index, each in enumerate(said) if each != "-"] == [
        index for index, pair in enumerate(zip("." + history, history, strict=False)) if pair[0] != pair[1]
    ]


def test_a_recovery_says_since_when_it_was_wrong_and_whether_that_was_told() -> None:
    wrong, right = (
        Observation("costs", "backup", is_wrong, START + hours * HOUR) for is_wrong, hours in ((True, 0), (False, 7))
    )

    standings = advance(advance({}, [wrong], wrong.seen), [right], right.seen)

    assert standings["backup costs"] == Standing(False, right.seen, False, wrong_since=START, was_told=False)


def test_databases_and_what_is_said_of_them_are_told_apart() -> None:
    outcomes = [
        Observation("costs", "backup", True, START),
        Observation("costs", "drill", True, START),
        Observation("hive", "backup", False, START),
    ]

    standings = advance({}, outcomes, START)

    assert [change.outcome for change in untold(standings, outcomes)] == outcomes[:2]


def test_a_success_of_before_the_failure_is_no_recovery() -> None:
    failed = advance({}, [Observation("costs", "drill", True, START)], START)

    earlier = Observation("costs", "drill", False, START - HOUR)

    assert advance(failed, [earlier], START + HOUR) == failed
    assert untold(failed, [earlier]) == ()


def test_a_clock_that_was_ahead_holds_up_no_recovery() -> None:
    ahead = advance({}, [Observation("costs", "backup", True, START + 1000 * HOUR)], START + 1000 * HOUR)

    recovered = advance(ahead, [Observation("costs", "backup", False, START)], START)

    assert not recovered["backup costs"].is_wrong


def test_what_another_configuration_backs_up_is_not_forgotten() -> None:
    standings = advance({}, [Observation("hive", "backup", True, START)], START)

    after = advance(standings, [Observation("costs", "backup", True, START)], START)

    assert after["backup hive"] == standings["backup hive"]
