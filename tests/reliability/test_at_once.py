"""Two runs at once, on one machine and on two, a drill while a backup commits: the store is never a mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from tests.reliability.commands import Ended
from tests.reliability.conftest import Installations
from tests.reliability.installation import Installation
from tests.support.azure_faults import FaultyAzurite, after
from tests.support.tally import counted

AREA = "two at once"
HELD = 75
FOR_EACH_REQUEST = pytest.param(None, marks=pytest.mark.long, id="each request")


def another_machine(installation: Installation) -> Installation:
    """The same database and store with a cache of its own."""
    return replace(installation, cache=installation.cache.with_name("another-cache"))


def meanwhile(
    faults: FaultyAzurite, number: int, begin: Callable[[], Ended], other: Callable[[], Ended]
) -> tuple[Ended, list[Ended]]:
    """How both end where the other one comes and goes just before a request of the first; it may come never."""
    others: list[Ended] = []
    faults.fail_at(number, after(lambda: others.append(other())))
    ended = begin()
    faults.heal()
    return ended, others


def assert_sound(installation: Installation) -> None:
    """One content, whole, with its own sidecar, which drills; the next run goes on."""
    assert installation.stored() == installation.content
    assert installation.sidecar_fits()
    installation.assert_drills()
    installation.assert_next_run_mends()


def numbers_of(numbers: tuple[int, ...] | None) -> tuple[int, ...] | count[int]:
    """Those, or all of them."""
    return count() if numbers is None else numbers


@pytest.mark.parametrize("kind", ["first", "incremental", "next day"])
@pytest.mark.parametrize("numbers", [(8,), FOR_EACH_REQUEST])
def test_two_machines_at_once_leave_one_content_whole(
    installations: Installations, faults: FaultyAzurite, kind: str, numbers: tuple[int, ...] | None
) -> None:
    for number in numbers_of(numbers):
        here = installations.on_azure(kind)
        runs = (partial(here.healthy, "backup"), partial(another_machine(here).healthy, "backup"))
        with counted(AREA, "two machines back up into one container"):
            ended, others = meanwhile(faults, number, *runs)
            codes = [ended.code, *(other.code for other in others)]
            assert 0 in codes
            assert set(codes) <= {0, 1}, codes
            assert here.stored() == here.content, "one said that it had stored it, and it is not there"
            assert ended.code == 0 or "another run" in ended.told, ended
            assert_sound(here)
        if not others:
            break


@pytest.mark.parametrize("numbers", [(3,), FOR_EACH_REQUEST])
def test_a_second_run_on_one_machine_waits_for_its_turn(
    installations: Installations, faults: FaultyAzurite, numbers: tuple[int, ...] | None
) -> None:
    installation = installations.on_azure("incremental")
    for number in numbers_of(numbers):
        installation.change()
        with counted(AREA, "two backups on one machine"):
            ended, others = meanwhile(
                faults, number, lambda: installation.healthy("backup"), lambda: installation.healthy("backup")
            )
            assert ended.code == 0, ended
            assert [other.code for other in others] in ([HELD], [])
            assert installation.stored() == installation.content
        if not others:
            break


@pytest.mark.parametrize("rounds", [2, pytest.param(60, marks=pytest.mark.long)])
def test_two_machines_at_once_in_one_folder_take_turns(installations: Installations, rounds: int) -> None:
    here = installations.on_folder("incremental")
    there = another_machine(here)
    for _ in range(rounds):
        here.change()
        with counted(AREA, "two machines back up into one folder"):
            running = [here.start("backup"), there.start("backup")]
            codes = [each.wait().code for each in running]
            assert 0 in codes
            assert set(codes) <= {0, HELD}, codes
            assert here.stored() == here.content
            assert here.sidecar_fits()
    here.assert_drills()


@pytest.mark.parametrize("numbers", [(2,), FOR_EACH_REQUEST])
def test_a_drill_while_a_backup_commits_is_never_wrong(
    installations: Installations, faults: FaultyAzurite, numbers: tuple[int, ...] | None
) -> None:
    installation = installations.on_azure("incremental")
    for number in numbers_of(numbers):
        installation.change()
        with counted(AREA, "a backup commits between two requests of a drill"):
            ended, others = meanwhile(
                faults, number, lambda: installation.healthy("drill.local"), lambda: installation.healthy("backup")
            )
            assert ended.code in (0, 4), ended
            assert [other.code for other in others] in ([0], [])
            assert installation.leftovers() == []
        if not others:
            break


@pytest.mark.parametrize("numbers", [(17,), FOR_EACH_REQUEST])
def test_a_drill_between_two_requests_of_a_backup_is_never_wrong(
    installations: Installations, faults: FaultyAzurite, numbers: tuple[int, ...] | None
) -> None:
    installation = installations.on_azure("incremental")
    for number in numbers_of(numbers):
        installation.change()
        with counted(AREA, "a drill between two requests of a backup"):
            ended, others = meanwhile(
                faults, number, lambda: installation.healthy("backup"), lambda: installation.healthy("drill.local")
            )
            assert ended.code == 0, ended
            assert [other.code for other in others] in ([0], []), others
            assert installation.stored() == installation.content
            assert installation.sidecar_fits()
        if not others:
            break


def test_a_blob_deleted_in_the_middle_of_a_drill_is_told(installations: Installations, faults: FaultyAzurite) -> None:
    installation = installations.on_azure("unchanged")
    point = installation.newest()
    assert point
    client = installation.workshop.store.connection.client  # type: ignore[attr-defined]
    faults.fail("Get Blob", after(lambda: client.delete_blob(point.entry.name)), times=1, ending=".db.gz")
    with counted(AREA, "a blob deleted in the middle of a drill"):
        ended = installation.healthy("drill.local")
        assert ended.code == 4, ended
        assert "it was removed from the store since it was chosen" in ended.told
