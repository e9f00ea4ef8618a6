"""What is read of a file while it is copied gets no further unless it is what the whole file holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.archive import heat
from local.archive.chunks import SMALL_BYTES
from local.archive.former import FormerArchive
from local.archive.gzip_member import compress, describe
from local.archive.plan import CutPlan, Packed
from local.archive.planner import Planner

ROOM = 64 * 1024 * 1024
CHUNKS = 90
CONTENT = b"".join(random.Random(number).randbytes(64) * (SMALL_BYTES // 64) for number in range(CHUNKS)) + b"the end"
SIZE = len(CONTENT)


class AtOnce(Executor):
    """Does what it is given before it returns, so that what is ready is read when `follow` is through."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    path.write_bytes(CONTENT)
    return path


def former_of(content: bytes) -> FormerArchive:
    """An archive of that content, whose bytes are not on this machine."""
    parts = (content[at : at + SMALL_BYTES] for at in range(0, len(content), SMALL_BYTES))
    return FormerArchive(tuple(describe(raw, compress(raw)) for raw in parts))


NOTHING = FormerArchive()
SAME = former_of(CONTENT)
OTHER = former_of(CONTENT[: 50 * SMALL_BYTES] + b"!" + CONTENT[50 * SMALL_BYTES + 1 :])


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def planned_late(file: Path, former: FormerArchive) -> CutPlan:
    with closing(Planner(file, AtOnce(), 0)) as planner:
        return planner.plan(former)


def assert_is_of_the_file(plan: CutPlan, former: FormerArchive) -> None:
    late = planned_late(plan.file, former)
    assert (plan.size, plan.chunks, plan.held_by) == (late.size, late.chunks, late.held_by)
    assert plan.unchanged == late.unchanged
    whole = plan.file.read_bytes()
    for spot, packed in plan.packed.items():
        offset, length = spot.chunk
        assert packed == Packed(*heat.pack(spot, whole[offset : offset + length]))


def changed(content: bytes, places: set[int]) -> bytes:
    """Another byte in each of these chunks."""
    found = bytearray(content)
    for place in places:
        found[place * SMALL_BYTES] ^= 1
    return bytes(found)


def test_a_first_archive_is_compressed_while_it_is_copied(file: Path) -> None:
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        planner.follow(NOTHING, SIZE, 0)
        planner.follow(NOTHING, SIZE, SIZE)
        plan = planner.plan(NOTHING)

    early = sum(spot.chunk[1] for spot in plan.packed)
    assert SIZE // 2 < early < SIZE, "and the first page's group never is"
    assert min(spot.chunk[0] for spot in plan.packed) >= 65536
    assert_is_of_the_file(plan, NOTHING)


def test_what_is_held_is_not_compressed(file: Path, tmp_path: Path) -> None:
    former = FormerArchive(OTHER.members, tmp_path / "archive")
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        planner.follow(former, SIZE, SIZE)
        plan = planner.plan(former)

    assert [spot.chunk for spot in plan.packed] == [(50 * SMALL_BYTES, SMALL_BYTES)]
    assert_is_of_the_file(plan, former)


@pytest.mark.parametrize("room", [0, SMALL_BYTES, 5 * 1024 * 1024])
def test_no_more_is_compressed_than_there_is_room_for(file: Path, room: int) -> None:
    with closing(Planner(file, AtOnce(), room)) as planner:
        planner.follow(OTHER, SIZE, SIZE)
        plan = planner.plan(OTHER)

    assert sum(len(packed.data) for packed in plan.packed.values()) <= room
    assert_is_of_the_file(plan, OTHER)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([NOTHING, SAME, OTHER]),
    st.lists(st.integers(SIZE // 3, SIZE), min_size=1, max_size=3),
    st.sets(st.integers(0, CHUNKS), max_size=3),
    st.sampled_from([SIZE // 2, SIZE]),
)
def test_what_changed_after_it_was_read_is_read_again(
    file: Path, former: FormerArchive, finals: list[int], places: set[int], early_size: int
) -> None:
    """Also where the file was shorter then, and where the copy began anew, as it does with a smaller number."""
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        file.write_bytes(changed(CONTENT, places)[:early_size])
        for final in finals:
            planner.follow(former, SIZE, final)
        file.write_bytes(CONTENT)
        assert_is_of_the_file(planner.plan(former), former)


@pytest.mark.parametrize("first", [True, False])
def test_a_page_that_came_late_is_never_taken_for_a_hole(file: Path, first: bool) -> None:
    """Zeros are what a page that SQLite held back would have been."""
    hole = slice(60 * SMALL_BYTES + 4096, 60 * SMALL_BYTES + 8192)
    early = bytearray(CONTENT)
    early[hole] = bytes(4096)
    former = NOTHING if first else former_of(bytes(early))
    file.write_bytes(early)
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        planner.follow(former, SIZE, SIZE)
        file.write_bytes(CONTENT)
        plan = planner.plan(former)

    assert plan.held_by[60] is None
    assert not plan.unchanged
    packed = [spot.chunk for spot in plan.packed]
    assert (61 * SMALL_BYTES, SMALL_BYTES) in packed
    assert (60 * SMALL_BYTES, SMALL_BYTES) not in packed


def test_a_copy_that_began_anew_is_read_anew(file: Path) -> None:
    file.write_bytes(changed(CONTENT, set(range(CHUNKS))))
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        planner.follow(NOTHING, SIZE, SIZE)
        planner.follow(NOTHING, SIZE, 0)
        file.write_bytes(CONTENT)
        planner.follow(NOTHING, SIZE, SIZE)
        plan = planner.plan(NOTHING)

    assert len(plan.packed) > CHUNKS // 2


def test_another_former_archive_than_the_early_one_is_compared_with_from_the_beginning(file: Path) -> None:
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        planner.follow(OTHER, SIZE, SIZE)
        plan = planner.plan(SAME)

    assert plan.unchanged
    assert plan.packed == {}


def test_a_copy_that_ended_with_another_size_is_read_from_the_beginning(file: Path) -> None:
    with closing(Planner(file, AtOnce(), ROOM)) as planner:
        planner.follow(SAME, SIZE + 4096, SIZE)
        assert planner.plan(SAME).unchanged


def test_several_threads_read_what_grows(file: Path, pool: ThreadPoolExecutor) -> None:
    before = open_files()
    file.write_bytes(b"")
    with closing(Planner(file, pool, ROOM)) as planner, file.open("r+b") as growing:
        for at in range(0, SIZE, 1024 * 1024):
            growing.write(CONTENT[at : at + 1024 * 1024])
            growing.flush()
            planner.follow(OTHER, SIZE, growing.tell())
        assert_is_of_the_file(planner.plan(OTHER), OTHER)
    assert open_files() == before


def test_a_planner_that_is_closed_early_reads_no_more(file: Path, pool: ThreadPoolExecutor) -> None:
    before = open_files()
    planner = Planner(file, pool, ROOM)
    planner.follow(NOTHING, SIZE, SIZE)
    planner.close()

    assert open_files() == before
