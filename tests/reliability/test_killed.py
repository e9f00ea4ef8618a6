"""SIGKILL at each step, each file operation, each request to the store, and at any moment: nothing is lost.

After each kill the store's newest backup is whole, the old one or the new one, and drills; the live database is as it
was; the next run succeeds without help, and nothing temporary of the killed one outlives it.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from itertools import count

import pytest

from tests.reliability import armings
from tests.reliability.commands import Arming, Ended, RunningCommand
from tests.reliability.conftest import Installations
from tests.reliability.installation import COMMANDS, KINDS, NAME, RESTORE, Installation, number_in
from tests.support.azure_faults import Answer, Fault, FaultyAzurite
from tests.support.tally import counted

KILLED = -signal.SIGKILL
# For each command and store, so that they are a thousand in all.
RUNS = 250
# Which requests of which run a short suite kills at: a list, a block, a seed copy, the commit, the sidecar.
SAMPLE = [
    ("first", "answered", (8,)),
    ("incremental", "begun", (16,)),
    ("incremental", "answered", (17, 18)),
    ("next day", "answered", (8, 14)),
    ("unchanged next day", "answered", (12,)),
]
Numbers = Iterable[int]
Kill = Callable[[Installation, int], Ended]


def killing(at: str, command: list[RunningCommand], is_started: threading.Event) -> Fault:
    """Kills the client when its request arrives ("begun"), or after the service has answered it."""

    def fault(ask: Callable[[], Answer]) -> None:
        if at == "answered":
            ask()
        is_started.wait()
        command[0].kill()

    return fault


def at_request(faults: FaultyAzurite, command: str, at: str, *arm: Arming, operation: str | None = None) -> Kill:
    """Kill it at its request of a number; where an operation is named, at its first of that kind."""

    def kill(installation: Installation, number: int) -> Ended:
        running: list[RunningCommand] = []
        is_started = threading.Event()
        if operation:
            faults.fail(operation, killing(at, running, is_started), times=1)
        else:
            faults.fail_at(number, killing(at, running, is_started))
        running.append(installation.start(command, *arm))
        is_started.set()
        ended = running[0].wait()
        faults.heal()
        return ended

    return kill


def by_itself(command: str, arm: Callable[[Installation, int], Arming]) -> Kill:
    """It is killed from within, where `arm` says."""
    return lambda installation, number: installation.run(command, arm(installation, number))


def at_file_operation(installation: Installation, number: int) -> Arming:
    """Before its file operation of a number."""
    return partial(armings.killed_at, number, *installation.folders)


def at_drill_file_operation(installation: Installation, number: int) -> Arming:
    """The drill's own program, before its file operation of a number."""
    script = installation.workshop.root / "armed"
    return partial(armings.drill_program_killed_at, number, script, installation.temporary)


def at_line(_: Installation, number: int) -> Arming:
    """As soon as it has told a step."""
    return partial(armings.killed_after_line, number + 1)


def at_any_moment(command: str, seconds: float) -> Kill:
    """So many seconds after its start at most."""

    def kill(installation: Installation, number: int) -> Ended:
        running = installation.start(command)
        time.sleep(random.Random(number).uniform(0, seconds))
        running.kill()
        return running.wait()

    return kill


def assert_survived(installation: Installation, kill: Kill, number: int, drills: bool) -> Ended:
    """One kill, and all that is asked after it."""
    before = installation.before()
    ended = kill(installation, number)
    installation.assert_nothing_lost(before)
    if drills or installation.restores:
        installation.assert_drills()
    installation.assert_next_run_mends()
    return ended


def told(command: str) -> str:
    """What a command is called on the page."""
    return "restore --live" if command == RESTORE else command


def each(numbers: Numbers, made: Callable[[], Installation], kill: Kill, fault: str, drills: bool = True) -> None:
    """Kill at each of these numbers, until a run comes to its end."""
    killed = 0
    for number in numbers:
        with counted("SIGKILL", fault):
            ended = assert_survived(made(), kill, number, drills)
        if ended.code != KILLED:
            break
        killed += 1
    assert killed


@pytest.mark.parametrize(("kind", "at", "numbers"), SAMPLE)
def test_a_backup_killed_at_a_request_loses_nothing(
    installations: Installations, faults: FaultyAzurite, kind: str, at: str, numbers: Numbers
) -> None:
    kill = at_request(faults, "backup", at)
    each(numbers, partial(installations.on_azure, kind), kill, f"backup, a request {at}", drills=False)


def test_the_newest_drills_although_the_run_was_killed_between_the_commit_and_the_sidecar(
    installations: Installations, faults: FaultyAzurite
) -> None:
    for kind, number in (("incremental", 17), ("first", 8)):
        installation = installations.on_azure(kind)
        with counted("SIGKILL", "backup, a request answered"):
            assert_survived(installation, at_request(faults, "backup", "answered"), number, drills=True)


def test_blocks_of_a_killed_run_do_not_outlive_a_run_that_finds_the_former_content_again(
    installations: Installations, faults: FaultyAzurite
) -> None:
    for kind in ("incremental", "next day"):
        installation = installations.on_azure(kind)
        with counted("SIGKILL", "backup, a request answered"):
            before = installation.before()
            at_request(faults, "backup", "answered")(installation, 13)
            assert installation.leftovers()
            installation.assert_nothing_lost(before)
            installation.change(content=0)
            installation.assert_next_run_mends()


def test_a_seed_blob_of_a_killed_run_does_not_outlive_the_next_run_on_another_day(
    installations: Installations, faults: FaultyAzurite
) -> None:
    installation = installations.on_azure("first")
    yesterday, before = (partial(armings.shifted, timedelta(days=-days)) for days in (1, 2))
    with counted("SIGKILL", "backup, a request answered"):
        assert installation.healthy("backup", before).code == 0
        installation.change()
        at_request(faults, "backup", "answered", yesterday)(installation, 8)
        assert any("unfinished" in left or "seed" in left.lower() for left in installation.leftovers())
        # The store's own clock says when it was begun, and an upload of this hour may be another machine's.
        ended = installation.healthy("backup", partial(armings.shifted, timedelta(hours=2)))
        assert ended.code == 0, ended
        assert installation.leftovers() == []


@pytest.mark.parametrize("kind", ["incremental", "next day"])
def test_a_backup_killed_while_blocks_go_ahead_of_its_copy_loses_nothing(
    installations: Installations, faults: FaultyAzurite, kind: str
) -> None:
    kill = at_request(faults, "backup", "answered", armings.ahead, operation="Put Block")
    with counted("SIGKILL", "backup, while blocks go ahead"):
        ended = assert_survived(installations.on_azure(kind), kill, 0, drills=False)
    assert ended.code == KILLED
    assert "uploading" not in ended.told


@pytest.mark.long
@pytest.mark.parametrize("arm", [(), (armings.ahead,)], ids=["small", "sends ahead"])
@pytest.mark.parametrize("at", ["begun", "answered"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_killed_at_any_request_loses_nothing(
    installations: Installations, faults: FaultyAzurite, kind: str, at: str, arm: tuple[Arming, ...]
) -> None:
    fault = "while blocks go ahead" if arm else f"a request {at}"
    each(count(), partial(installations.on_azure, kind), at_request(faults, "backup", at, *arm), f"backup, {fault}")


@pytest.mark.long
@pytest.mark.parametrize("at", ["begun", "answered"])
def test_a_drill_killed_at_any_request_loses_nothing(
    installations: Installations, faults: FaultyAzurite, at: str
) -> None:
    kill = at_request(faults, "drill.local", at)
    each(count(), partial(installations.on_azure, "unchanged"), kill, f"drill.local, a request {at}")


@pytest.mark.parametrize(("kind", "numbers"), [("first", (6, 14)), ("incremental", (9, 18, 25))])
def test_a_backup_killed_at_a_file_operation_loses_nothing(
    installations: Installations, kind: str, numbers: Numbers
) -> None:
    kill = by_itself("backup", at_file_operation)
    each(numbers, partial(installations.on_folder, kind), kill, "backup into a folder, a file operation", drills=False)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store", ["folder", "azure"])
def test_a_backup_killed_at_any_file_operation_loses_nothing(
    installations: Installations, store: str, kind: str
) -> None:
    made = partial(installations.on_folder if store == "folder" else installations.on_azure, kind)
    each(count(), made, by_itself("backup", at_file_operation), f"backup into {store}, a file operation")


def test_a_drill_program_killed_at_a_file_operation_leaves_nothing_to_the_next_drill(
    installations: Installations,
) -> None:
    installation = installations.on_folder("unchanged")
    with counted("SIGKILL", "drill.local's program, a file operation"):
        before = installation.before()
        ended = installation.run("drill.local", at_drill_file_operation(installation, 1))
        assert ended.code == 4, ended
        installation.assert_nothing_lost(before)
        installation.assert_drills()
        assert installation.leftovers() == []


@pytest.mark.long
def test_a_drill_program_killed_at_any_file_operation_leaves_nothing(installations: Installations) -> None:
    installation = installations.on_folder("unchanged")
    for number in count():
        with counted("SIGKILL", "drill.local's program, a file operation"):
            ended = installation.run("drill.local", at_drill_file_operation(installation, number))
            installation.assert_drills()
            assert installation.leftovers() == []
        if ended.code == 0:
            break
        assert ended.code == 4, ended
    assert number > 2


def test_a_restore_killed_at_a_file_operation_loses_nothing(installations: Installations) -> None:
    installation = installations.on_folder("incremental")
    kill = by_itself(RESTORE, at_file_operation)
    each((12,), lambda: installation, kill, "restore --live, a file operation")


@pytest.mark.long
def test_a_restore_killed_at_any_file_operation_loses_nothing(installations: Installations) -> None:
    made = partial(installations.on_folder, "incremental")
    each(count(), made, by_itself(RESTORE, at_file_operation), "restore --live, a file operation")


def test_a_restore_killed_at_a_request_loses_nothing(installations: Installations, faults: FaultyAzurite) -> None:
    made = partial(installations.on_azure, "incremental")
    each((3,), made, at_request(faults, RESTORE, "answered"), "restore --live, a request answered")


@pytest.mark.long
@pytest.mark.parametrize("at", ["begun", "answered"])
def test_a_restore_killed_at_any_request_loses_nothing(
    installations: Installations, faults: FaultyAzurite, at: str
) -> None:
    made = partial(installations.on_azure, "incremental")
    each(count(), made, at_request(faults, RESTORE, at), f"restore --live, a request {at}")


@pytest.mark.parametrize("numbers", [(6,), pytest.param(count(), marks=pytest.mark.long)])
def test_a_restore_to_a_file_that_is_killed_leaves_it_whole_or_not_at_all(
    installations: Installations, numbers: Numbers
) -> None:
    installation = installations.on_folder("unchanged")
    for number in numbers:
        target = installation.workshop.root / "new" / f"{number}.db"
        target.parent.mkdir(exist_ok=True)
        command = f"restore {NAME} --to {target}"
        with counted("SIGKILL", "restore to a file, a file operation"):
            folders = (*installation.folders, target.parent)
            ended = installation.run(command, partial(armings.killed_at, number, *folders))
            if not target.exists():
                assert installation.healthy(command).code == 0
            assert number_in(target) == 0
            installation.assert_drills()
            # What was killed past its end was there already: it is told so, and swept by the next to that name.
            target.unlink()
            assert installation.healthy(command).code == 0
            assert list(target.parent.iterdir()) == [target]
            assert installation.leftovers() == []
            target.unlink()
        if ended.code != KILLED:
            break


@pytest.mark.parametrize("numbers", [(0, 1, 2)])
def test_a_backup_killed_at_a_step_loses_nothing(installations: Installations, numbers: Numbers) -> None:
    kill = by_itself("backup", at_line)
    each(numbers, partial(installations.on_folder, "incremental"), kill, "backup, a step that it tells", drills=False)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["first", "incremental", "next day"])
@pytest.mark.parametrize("store", ["folder", "azure"])
def test_a_command_killed_at_any_step_loses_nothing(
    installations: Installations, store: str, kind: str, command: str
) -> None:
    made = partial(installations.on_folder if store == "folder" else installations.on_azure, kind)
    each(count(), made, by_itself(command, at_line), f"{told(command)}, a step that it tells")


@pytest.mark.parametrize(("command", "times"), [("backup", 2), ("drill.local", 2), (RESTORE, 1)])
def test_a_command_killed_at_a_moment_loses_nothing(installations: Installations, command: str, times: int) -> None:
    installation = installations.on_azure("incremental")
    for number in range(times):
        installation.change()
        with counted("SIGKILL", f"{told(command)}, at any moment"):
            # What a killed drill leaves goes with the next drill, and with no backup.
            assert_survived(installation, at_any_moment(command, 0.4), number, drills=command == "drill.local")


@pytest.mark.long
@pytest.mark.parametrize("share", range(10))
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("store", ["folder", "azure"])
def test_commands_killed_at_any_moment_lose_nothing(
    installations: Installations, store: str, command: str, share: int
) -> None:
    installation = (installations.on_folder if store == "folder" else installations.on_azure)("incremental")
    for number in range(RUNS // 10 * share, RUNS // 10 * (share + 1)):
        installation.change()
        with counted("SIGKILL", f"{told(command)}, at any moment"):
            assert_survived(installation, at_any_moment(command, 0.5), number, drills=True)
