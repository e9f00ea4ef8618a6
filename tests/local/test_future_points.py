"""A clock that was wrong once: its backup is told by each command, and never taken for the newest."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from local import clock
from tests.support.shelf import SHELF
from tests.support.terminal import errors_told, log_lines
from tests.support.workshop import Workshop

AHEAD = timedelta(hours=20)


@pytest.fixture
def ahead(folder_workshop: Workshop) -> Workshop:
    """One sound backup, and one that says to be 20 hours ahead, with nothing in it that could be restored."""
    folder_workshop.add("costs")
    assert folder_workshop.invoke("backup").returncode == 0
    taken = clock.now() + AHEAD
    name = SHELF.data_name(taken.date() + timedelta(days=taken.date() == clock.now().date()), "costs")
    folder_workshop.store.write(name, b"not a gzip")
    folder_workshop.store.write(f"{name}.json", json.dumps({"taken": clock.timestamp(taken)}).encode())
    return folder_workshop


def test_a_drill_takes_the_newest_that_is_not_in_the_future_and_says_so_last(ahead: Workshop) -> None:
    done = ahead.invoke("drill.local")

    assert done.returncode == 0, done.stdout
    last = log_lines(done.stdout)[-1]
    assert last.startswith("costs: its backup of ")
    assert "is in the future" in last


def test_what_a_drill_would_take_is_told_alike(ahead: Workshop) -> None:
    done = ahead.invoke("drill.local", "--check", "--json")

    (would_drill,) = json.loads(done.stdout)["databases"]
    assert would_drill["verdict"] == "passed"
    assert "is in the future" in log_lines(done.stderr)[-1]


def test_the_list_marks_it_and_at_reaches_it(ahead: Workshop) -> None:
    lines = log_lines(ahead.invoke("backup.list").stdout)

    (line,) = [line for line in lines if "dated in the future (check the clocks: date -u)" in line]
    taken = line.split("taken ")[1].partition(",")[0]
    assert ahead.invoke("drill.local", "--at", f" {taken} ").returncode == 1, "the broken one was drilled"


def test_a_backup_tells_both_times_and_the_next_drill_passes(ahead: Workshop) -> None:
    done = ahead.invoke("backup")

    assert done.returncode == 0
    last = log_lines(done.stdout)[-1]
    assert last.startswith("costs: this machine's clock says ")
    assert "and the store holds a backup of " in last
    assert ahead.invoke("drill.local").returncode == 0


@pytest.mark.parametrize(
    "options", [["--at", ""], ["--date", ""], ["--at="], ["--date", "2026-05-05", "--at", "2026-05-05"]]
)
def test_an_empty_moment_or_two_are_a_mistake(options: list[str], folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    done = folder_workshop.invoke("drill.local", *options)

    assert done.returncode == 2
    assert errors_told(done.stderr).startswith("✗ --")


def test_a_name_that_is_neither_configured_nor_stored_is_a_mistake(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    folder_workshop.databases.clear()
    folder_workshop.add("hivemind")

    done = folder_workshop.invoke("backup.list", "cots")

    assert done.returncode == 2
    told = errors_told(done.stderr)
    mend = "did you mean costs? known: hivemind, costs"
    assert told == f"✗ backup.list: no database or volume 'cots' is configured or stored\n→ {mend}\n"
    assert folder_workshop.invoke("backup.list", "costs").returncode == 0
    assert folder_workshop.invoke("backup.list", "hivemind").returncode == 0
    assert folder_workshop.invoke("backup.list", "--name", "").returncode == 2
