"""A restore of a volume that is killed at each step, each file operation, each answer of the engine, at any moment.

Into a folder it appears whole or not at all. Into the volume: that holds the former content or the restored one, or the
next command says that it may be half filled, and a rollback brings the former content back.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count

import pytest

from local.volumes.own_folder import own_folder
from tests.reliability import armings
from tests.reliability.commands import Arming, Ended
from tests.reliability.restored_volume import LIVE, ROLLBACK, RestoredVolume, restorable
from tests.reliability.volume_site import content_of
from tests.support.container_engines import ContainerEngine
from tests.support.tally import counted
from tests.support.workshop import Workshop

KILLED = -signal.SIGKILL
TOLD = {LIVE: "restore --live of a volume", ROLLBACK: "restore --rollback of a volume"}
# What fills the volume is of 720,000 bytes.
FILLING_BYTES = 100_000
# At any moment, so often for each command.
RUNS = 30
Arm = Callable[[int], Arming]


@pytest.fixture
def volume(folder_workshop: Workshop, docker_engine: ContainerEngine) -> RestoredVolume:
    return restorable(folder_workshop, docker_engine)


def at_file_operation(number: int) -> Arming:
    """Before its file operation of a number, in this machine's own folder."""
    return partial(armings.killed_at, number, own_folder())


def at_answer(number: int) -> Arming:
    """Once the engine has answered its request of a number."""
    return partial(armings.killed_at_answer, number + 1)


def at_line(number: int) -> Arming:
    """As soon as it has told a step."""
    return partial(armings.killed_after_line, number + 1)


def while_it_fills(number: int) -> Arming:
    """Once it has sent so many pieces to the engine."""
    return partial(armings.killed_once_sent, (number + 1) * FILLING_BYTES)


EVERYWHERE: dict[str, Arm] = {
    "a file operation": at_file_operation,
    "an engine's answer": at_answer,
    "a step that it tells": at_line,
    "while it fills": while_it_fills,
}


def each(volume: RestoredVolume, command: str, numbers: Iterable[int], at: str) -> None:
    """Kill the command at each of these numbers, until a run comes to its end."""
    killed = 0
    for number in numbers:
        with counted("SIGKILL", f"{TOLD[command]}, {at}"):
            ended = survived(volume, command, partial(volume.site.run, command, EVERYWHERE[at](number)))
        if ended.code != KILLED:
            break
        killed += 1
    assert killed
    volume.assert_containers_run()


def survived(volume: RestoredVolume, command: str, killed: Callable[[], Ended]) -> Ended:
    """One kill, and all that is asked after it."""
    former, target = volume.prepare(command)
    ended = killed()
    volume.assert_nothing_lost(command, former, target)
    return ended


def test_a_restore_into_a_volume_that_is_killed_loses_nothing(volume: RestoredVolume) -> None:
    each(volume, LIVE, (3,), "while it fills")
    each(volume, ROLLBACK, (9,), "an engine's answer")


@pytest.mark.long
@pytest.mark.parametrize("at", EVERYWHERE)
@pytest.mark.parametrize("command", TOLD)
def test_a_restore_into_a_volume_that_is_killed_anywhere_loses_nothing(
    volume: RestoredVolume, command: str, at: str
) -> None:
    each(volume, command, count(), at)


@pytest.mark.long
@pytest.mark.parametrize("command", TOLD)
def test_a_restore_into_a_volume_that_is_killed_at_any_moment_loses_nothing(
    volume: RestoredVolume, command: str
) -> None:
    moments = random.Random(20260505)

    def killed() -> Ended:
        running = volume.site.start(command)
        time.sleep(moments.uniform(0, 1))
        running.kill()
        return running.wait()

    for _ in range(RUNS):
        with counted("SIGKILL", f"{TOLD[command]}, at any moment"):
            survived(volume, command, killed)
    volume.assert_containers_run()


@pytest.mark.parametrize("numbers", [(11,), pytest.param(count(), marks=pytest.mark.long)])
def test_a_restore_of_a_volume_into_a_folder_that_is_killed_leaves_it_whole_or_not_at_all(
    folder_workshop: Workshop, docker_engine: ContainerEngine, numbers: Iterable[int]
) -> None:
    volume = restorable(folder_workshop, docker_engine)
    parent = folder_workshop.root / "new"
    parent.mkdir()
    target = parent / "site"
    command = f"restore site --to {target}"
    for number in numbers:
        with counted("SIGKILL", "restore of a volume to a folder, a file operation"):
            ended = volume.site.run(command, partial(armings.killed_at, number, parent))
            if not target.exists():
                volume.must(command)
            assert content_of(target) == volume.backup
            # What was killed past its end was there already: it is swept by the next to that name.
            shutil.rmtree(target)
            volume.must(command)
            assert list(parent.iterdir()) == [target]
            shutil.rmtree(target)
        if ended.code != KILLED:
            break
