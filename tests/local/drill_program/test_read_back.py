"""The digest of the restored file, taken while SQLite checks it: what is wrong with it comes before all else."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local.drill.order import DatabaseTarget, database_orders
from local.drill_program import main
from local.drill_program.database import DatabaseDrill
from local.drill_program.errors import NotCarriedOutError
from local.drill_program.order import DatabaseOrder, VolumeOrder
from local.drill_program.read_back import (
    FAST_HASH,
    READ_BACK_BYTES,
    MachinePower,
    file_sha256,
    is_read_back,
    power_here,
)
from local.drill_program.restored_file import CORES, RestoredContent
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work
from tests.support.drill_archives import legacy, members, target_of, unrecorded

GB = 1 << 30
SHA256 = "0" * 64
ORDER = DatabaseOrder("tasks", "file:///t", 1, 1, (), None, None, None, {})
Doing = Callable[[DatabaseDrill], None]


class HeldStop(Stop):
    """Any thread but the one that made it is held where it asks, until it is released or the drill is to end."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.released = threading.get_ident(), threading.Event()

    def set(self, reason: str) -> None:
        """The end of the drill, which releases all."""
        super().set(reason)
        self.released.set()

    def check(self) -> None:
        """Held, and then as any other."""
        if threading.get_ident() != self.maker:
            self.released.wait()
        super().check()


class WatchedDrill(DatabaseDrill):
    """A drill that does something before SQLite's check."""

    def __init__(self, work: Work[DatabaseOrder], doing: Doing) -> None:
        super().__init__(work)
        self.doing = doing

    def integrity(self, order: DatabaseOrder, restored: RestoredContent) -> None:
        """The same as any, later."""
        self.doing(self)
        super().integrity(order, restored)


def nothing_more(_: DatabaseDrill) -> None:
    """The check goes on at once."""


def end_of(drill: DatabaseDrill) -> tuple[str, str, str]:
    """The step that it ended in, the verdict and the detail."""
    name, verdict, _, detail = drill.result(brief=False)["steps"][-1]
    return name, verdict, detail


def read_back(
    folder: Path, target: DatabaseTarget, doing: Doing = nothing_more, stop: Stop | None = None
) -> WatchedDrill:
    """A drill that has come to its end, and that reads the file back."""
    (order,) = database_orders([target])
    stop = stop or Stop()
    room, progress = DiskShare(Disk(str(folder)), stop), ProgressLines(order.name, watched=False)
    with ThreadPoolExecutor(2) as cores:
        work = Work(order, folder / "restored.db", stop, room, progress, cores, read_back=True)
        drill = WatchedDrill(work, doing)
        drill.carry_out()
    assert not work.path.exists()
    return drill


def forged(archive: Path, raw: bytes) -> DatabaseTarget:
    """Sound members of a corrupt database, under the record and the metadata of a sound one."""
    corrupt = raw[: 4096 * 50] + b"\xff" * 4096 + raw[4096 * 51 :]
    sha256 = hashlib.sha256(raw).hexdigest()
    return target_of(archive, members(corrupt, facts_of=raw, raw_sha256=sha256), raw)


def is_wrong_digest(end: tuple[str, str, str]) -> bool:
    """Whether a drill ended as one whose content is not the recorded one."""
    return end[:2] == ("decompress", "failed") and end[2].startswith("the database's SHA-256 is ")


def test_what_is_on_the_disk_is_hashed_and_passes(tmp_path: Path, archive: Path, raw: bytes) -> None:
    drill = read_back(tmp_path, target_of(archive, members(raw), raw))
    assert end_of(drill) == ("rows", "passed", "")
    assert drill.read_back
    assert drill.read_back.done()


def test_a_byte_that_changes_on_the_disk_fails_the_decompression(tmp_path: Path, archive: Path, raw: bytes) -> None:
    """In a page's unused bytes, which SQLite does not look at."""
    unused, stop = raw.index(bytes(64), 4096) + 32, HeldStop()

    def change(drill: DatabaseDrill) -> None:
        with drill.work.path.open("r+b") as file:
            file.seek(unused)
            file.write(b"x")
        stop.released.set()

    assert is_wrong_digest(end_of(read_back(tmp_path, target_of(archive, members(raw), raw), change, stop)))


def test_a_wrong_digest_comes_before_a_corrupt_database(tmp_path: Path, archive: Path, raw: bytes) -> None:
    target = forged(archive, raw)
    assert is_wrong_digest(end_of(read_back(tmp_path, target)))
    lone = replace(unrecorded(target), sha256=())
    assert is_wrong_digest(end_of(read_back(tmp_path, lone)))


def test_a_wrong_digest_comes_before_whatever_the_check_raises(tmp_path: Path, archive: Path, raw: bytes) -> None:
    def fail(_: DatabaseDrill) -> None:
        raise MemoryError

    assert is_wrong_digest(end_of(read_back(tmp_path, forged(archive, raw), fail)))
    sound = target_of(archive, members(raw), raw)
    assert end_of(read_back(tmp_path, sound, fail))[:2] == ("integrity", "inconclusive")


@pytest.mark.parametrize("wrong", [True, False])
def test_a_stop_ends_the_hashing_and_then_nothing_is_known_of_the_content(
    tmp_path: Path, archive: Path, raw: bytes, wrong: bool
) -> None:
    def stop(drill: DatabaseDrill) -> None:
        drill.work.stop.set("the deadline passed")

    target = forged(archive, raw) if wrong else target_of(archive, members(raw), raw)
    assert end_of(read_back(tmp_path, target, stop, HeldStop())) == (
        "decompress",
        "inconclusive",
        "the deadline passed",
    )


def test_a_stop_after_a_wrong_digest_is_known_does_not_hide_it(tmp_path: Path, archive: Path, raw: bytes) -> None:
    def stop_later(drill: DatabaseDrill) -> None:
        assert drill.read_back
        wait([drill.read_back])
        drill.work.stop.set("the deadline passed")

    assert is_wrong_digest(end_of(read_back(tmp_path, forged(archive, raw), stop_later)))
    sound = target_of(archive, members(raw), raw)
    step, *said = end_of(read_back(tmp_path, sound, stop_later))
    assert (step in ("integrity", "rows"), said) == (True, ["inconclusive", "the deadline passed"])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("wrong", [True, False])
def test_a_check_that_hangs_is_given_up_without_hiding_the_digest(
    tmp_path: Path, archive: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch, known: bool, wrong: bool
) -> None:
    monkeypatch.setattr(main, "GRACE_SECONDS", 0)
    given_up: list[tuple[str, str, str]] = []

    def hang(drill: DatabaseDrill) -> None:
        assert drill.read_back
        if known:
            wait([drill.read_back])
        main.supervise([drill], drill.work.stop, queue.SimpleQueue(), time.monotonic())
        given_up.append(end_of(drill))

    target = forged(archive, raw) if wrong else target_of(archive, members(raw), raw)
    read_back(tmp_path, target, hang, Stop() if known else HeldStop())
    (end,) = given_up
    if known and wrong:
        assert is_wrong_digest(end)
    else:
        assert end == ("integrity" if known else "decompress", "inconclusive", "the deadline passed")


def test_nothing_is_hashed_where_nothing_is_recorded(tmp_path: Path, archive: Path, raw: bytes) -> None:
    drill = read_back(tmp_path, unrecorded(target_of(archive, legacy(raw), raw)))
    assert end_of(drill)[:2] == ("rows", "passed")
    assert drill.read_back is None


@pytest.mark.parametrize("size", [0, 1, READ_BACK_BYTES, 2 * READ_BACK_BYTES + 7])
def test_a_files_digest_is_that_of_all_its_bytes(tmp_path: Path, size: int) -> None:
    content = b"z" * size
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file", Stop()) == hashlib.sha256(content).hexdigest()


def test_a_file_is_not_hashed_once_the_drill_is_to_end(tmp_path: Path) -> None:
    stop = Stop()
    stop.set("it was told to stop")
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(NotCarriedOutError, match="it was told to stop"):
        file_sha256(tmp_path / "file", stop)


@pytest.mark.parametrize(
    ("recorded", "size", "at_once", "cores", "rate", "expected"),
    [
        (SHA256, GB, 1, 2, FAST_HASH, True),
        (SHA256, GB, 1, 2, FAST_HASH - 1, False),
        (SHA256, GB, 2, 2, FAST_HASH, False),
        (SHA256, GB, 1, 1, FAST_HASH, False),
        (SHA256, GB + 1, 1, 2, FAST_HASH, False),
        (SHA256, GB // 2, 2, 4, FAST_HASH, True),
        (SHA256, GB // 2 + 1, 2, 4, FAST_HASH, False),
        (SHA256, None, 1, 2, FAST_HASH, False),
        (None, None, 4, 1, 1, True),
        (None, 99 * GB, 4, 1, 1, True),
    ],
)
def test_a_file_is_read_back_where_that_costs_no_time_or_perhaps_need_not_be(
    recorded: str | None, size: int | None, at_once: int, cores: int, rate: float, expected: bool
) -> None:
    order = replace(ORDER, raw_sha256=recorded, database_bytes=size)
    assert is_read_back(order, at_once, MachinePower(cores, 4 * GB, rate)) is expected


def test_a_volume_is_never_read_back() -> None:
    volume = VolumeOrder("data", "file:///v", 1, 1, (), None, None, None, {})
    assert not is_read_back(volume, 1, MachinePower(8, 999 * GB, 9 * FAST_HASH))


def test_the_power_of_this_machine_is_told() -> None:
    power = power_here()
    assert power.cores == CORES
    assert power.memory_bytes == psutil.virtual_memory().total
    assert power.hash_rate > 1e6


@pytest.mark.parametrize("error", [ValueError("unrecognized configuration name"), OSError(22, "Invalid argument")])
def test_where_the_memory_is_not_told_no_file_counts_as_being_in_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_: str) -> int:
        raise error

    monkeypatch.setattr(os, "sysconf", refuse)

    assert power_here().memory_bytes == 0
