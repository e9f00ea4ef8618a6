"""What bounds a drill: the room on the disk, the order to stop, and the lines that tell how far it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from local.drill_program.errors import NotCarriedOutError
from local.drill_program.restored_file import ROOM_STEP_BYTES, RestoredFile
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work
from tests.support.drill_archives import NOTHING_RECORDED


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A disk with room for three steps; the room is shared out by count, so it takes no disk to fill."""
    disk = Disk(str(tmp_path))
    disk.free_bytes = 3 * ROOM_STEP_BYTES
    return disk


@pytest.fixture
def cores() -> Iterator[ThreadPoolExecutor]:
    """One core."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_gzip_bomb_without_a_recorded_size_stops_at_the_free_disk_space(
    disk: Disk, cores: ThreadPoolExecutor, tmp_path: Path
) -> None:
    stop = Stop()
    room = DiskShare(disk, stop)
    work = Work(NOTHING_RECORDED, tmp_path / "1.db", stop, room, ProgressLines("a", watched=False), cores)
    with closing(RestoredFile(work)) as restored:
        restored.claim(3 * ROOM_STEP_BYTES)
        with pytest.raises(NotCarriedOutError, match="no room on the disk"):
            restored.claim(1)
    room.release()
    assert disk.taken_bytes == 0


def test_who_waits_for_room_gets_what_another_database_gives_back(disk: Disk, cores: ThreadPoolExecutor) -> None:
    stop = Stop()
    first, second = DiskShare(disk, stop), DiskShare(disk, stop)
    first.reserve(disk.free_bytes, patient=True)
    waiting = cores.submit(second.reserve, 1, patient=True)
    first.release()
    waiting.result(timeout=10)
    assert (disk.taken_bytes, second.reserved_bytes) == (1, 1)


def test_who_waits_for_room_stops_when_the_drill_does(disk: Disk) -> None:
    stop = Stop()
    DiskShare(disk, stop).reserve(disk.free_bytes, patient=True)
    stop.set("the deadline passed")
    with pytest.raises(NotCarriedOutError, match="the deadline passed"):
        DiskShare(disk, stop).reserve(1, patient=True)


def test_a_pause_ends_with_the_drill() -> None:
    stop = Stop()
    stop.pause(0)
    stop.set("it was told to stop")
    with pytest.raises(NotCarriedOutError, match="it was told to stop"):
        stop.pause(60)


def test_progress_is_told_at_each_step_and_at_the_end_but_not_for_every_piece(
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines = ProgressLines("a", watched=True)
    for done in (1, 2, 3, 10):
        lines.tell("download", done, 10)
    lines.tell("integrity")
    ProgressLines("b", watched=False).tell("integrity")
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert told == [
        {"name": "a", "step": "download", "done": 1, "total": 10},
        {"name": "a", "step": "download", "done": 10, "total": 10},
        {"name": "a", "step": "integrity"},
    ]
