"""What this machine does to a run: a full disk at every step, a folder that takes nothing, a clock that jumps."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tests.reliability import armings
from tests.reliability.conftest import Installations
from tests.reliability.installation import Installation
from tests.support.crossed import crossed
from tests.support.tally import counted

FULL = "a full disk"
CLOCK = "a clock that jumps"
FOR_EACH = pytest.param(None, marks=pytest.mark.long, id="each")


def made_by(installations: Installations, store: str, kind: str) -> Callable[[], Installation]:
    """New ones of that kind on that store."""
    return partial(installations.on_folder if store == "folder" else installations.on_azure, kind)


@pytest.mark.parametrize("numbers", [(4, 12), FOR_EACH])
@pytest.mark.parametrize("store", ["folder", "azure"])
def test_a_disk_that_is_full_at_a_file_operation_loses_nothing(
    installations: Installations, store: str, numbers: tuple[int, ...] | None
) -> None:
    new = made_by(installations, store, "incremental")
    went_on = 0
    for number in numbers or count():
        installation = new()
        before = installation.before()
        with counted(FULL, f"backup into {store}: at a file operation"):
            ended = installation.run("backup", partial(armings.full_at, number, *installation.folders))
            installation.assert_told_truly(before, ended)
            installation.assert_next_run_mends()
        went_on = went_on + 1 if ended.code == 0 else 0
        if went_on == 6:
            # It is the cache that it does without, or no operation is left.
            break


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """A tmpfs of that size at `folder`."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def may_mount(folder: Path) -> bool:
    """Whether this user may."""
    try:
        with small_disk(folder, 4096):
            return True
    except subprocess.CalledProcessError:
        return False


@pytest.mark.parametrize("kib", [(1200,), pytest.param(tuple(range(100, 3600, 100)), marks=pytest.mark.long)])
@pytest.mark.parametrize(("place", "command"), crossed(("cache", "temporary"), ("backup", "drill.local")))
def test_a_disk_too_small_loses_nothing(
    installations: Installations, tmp_path: Path, place: str, command: str, kib: tuple[int, ...]
) -> None:
    """A small tmpfs where this user may mount one, else a limit to the size of each file."""
    mounts = may_mount(tmp_path / "probe")
    installation = installations.on_azure("incremental")
    folder = installation.cache if place == "cache" else installation.temporary
    for size in kib:
        installation.change()
        before = installation.before()
        with counted(FULL, f"{command}: the disk of its {place} folder is too small"):
            if mounts:
                with small_disk(folder, size * 1024):
                    ended = installation.run(command)
            else:
                ended = installation.run(command, partial(armings.small_files, size * 256))
            assert "Traceback" not in ended.told
            if command == "backup":
                installation.assert_told_truly(before, ended)
            else:
                assert ended.code in (0, 4), ended
            installation.assert_nothing_lost(before)
            installation.assert_next_run_mends()


@pytest.mark.parametrize("store", ["folder", "azure"])
def test_a_cache_folder_that_takes_nothing_is_told(installations: Installations, store: str) -> None:
    installation = made_by(installations, store, "incremental")()
    before = installation.before()
    with counted("a read-only folder", f"backup into {store}: the cache"):
        ended = installation.run("backup", partial(armings.read_only, installation.cache))
        installation.assert_told_truly(before, ended)
        assert ended.code == 2, ended
        assert "Read-only file system" in ended.told
        installation.assert_next_run_mends()


def last_midnight() -> datetime:
    """When this UTC day began."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("calls", [(1, 3), FOR_EACH])
@pytest.mark.parametrize(("kind", "store"), crossed(("first", "next day"), ("folder", "azure")))
def test_midnight_in_the_middle_of_a_run_changes_nothing(
    installations: Installations, kind: str, store: str, calls: tuple[int, ...] | None
) -> None:
    before, later = (last_midnight() + timedelta(milliseconds=shift) for shift in (-5, 5))
    for number in calls or range(12):
        installation = made_by(installations, store, kind)()
        with counted(CLOCK, f"backup into {store}: midnight UTC in the middle"):
            ended = installation.run("backup", partial(armings.stepping, *[before] * number, later))
            assert ended.code == 0, ended
            assert installation.stored() == installation.content
            assert installation.sidecar_fits()
            assert installation.leftovers() == []
            installation.assert_drills()


@pytest.mark.parametrize("calls", [(2,), FOR_EACH])
@pytest.mark.parametrize(("kind", "store"), crossed(("incremental", "next day"), ("folder", "azure")))
def test_a_clock_that_jumps_back_in_the_middle_loses_no_content(
    installations: Installations, kind: str, store: str, calls: tuple[int, ...] | None
) -> None:
    """Behind the newest backup: it stays the newest, and is told; what was stored now is a point of its own."""
    now = datetime.now(UTC)
    back = now - timedelta(days=2)
    for number in calls or range(12):
        installation = made_by(installations, store, kind)()
        old = installation.stored()
        with counted(CLOCK, f"backup into {store}: back by two days in the middle"):
            ended = installation.run("backup", partial(armings.stepping, *[now] * number, back))
            assert ended.code == 0, ended
            assert installation.stored() in (old, installation.content)
            assert len(list(installation.workshop.repository.points())) == 2
            installation.assert_drills()
            installation.assert_next_run_mends()
