"""What is read of a file while it is copied gets no further unless it is what the whole file holds."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.archive import heat
from local.archive.chunks import SMALL_BYTES
from local.archive.former import FormerArchive
from local.archive.gzip_member import compress
from local.archive.plan import CutPlan, Packed
from local.archive.planner import Planner
from local.errors import StoreError
from tests.support.at_once import AtOnce
from tests.support.kept_archives import chunks_of, kept_archive_of, members_of

ROOM = 64 * 1024 * 1024
CHUNKS = 90
CONTENT = b"".join(random.Random(number).randbytes(64) * (SMALL_BYTES // 64) for number in range(CHUNKS)) + b"the end"
SIZE = len(CONTENT)


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
    return FormerArchive(members_of(content))


NOTHING = FormerArchive()
SAME = former_of(CONTENT)
OTHER_CONTENT = CONTENT[: 50 * SMALL_BYTES] + b"!" + CONTENT[50 * SMALL_BYTES + 1 :]
OTHER = former_of(OTHER_CONTENT)


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
    with plan.file.open("rb") as file:
        assert plan.digest.finish(file.fileno(), plan.size) == hashlib.sha256(whole).hexdigest()
    for spot, packed in plan.packed.items():
        offset, length = spot.chunk
        assert packed == Packed(*heat.pack(spot, whole[offset : offset + length]))


@pytest.fixture
def kept(tmp_path: Path) -> FormerArchive:
    """OTHER, whose bytes are on this machine."""
    return kept_archive_of(OTHER_CONTENT, tmp_path / "archive")


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


def test_the_digest_of_a_file_whose_beginning_is_foretold_is_done_when_the_file_is(
    file: Path, kept: FormerArchive
) -> None:
    file.write_bytes(bytes(4096) + CONTENT[4096:])
    with closing(Planner(file, AtOnce(), ROOM, foretell=lambda former, _: former[:4096])) as planner:
        planner.follow(kept, SIZE, SIZE)
        file.write_bytes(CONTENT)
        plan = planner.plan(kept)

    assert plan.digest.taken == SIZE
    assert_is_of_the_file(plan, kept)


def test_a_beginning_that_was_foretold_wrongly_decides_nothing(file: Path, kept: FormerArchive) -> None:
    with closing(Planner(file, AtOnce(), ROOM, foretell=lambda former, _: b"other" + former[5:4096])) as planner:
        planner.follow(kept, SIZE, SIZE)
        plan = planner.plan(kept)

    assert plan.digest.taken == 0
    assert plan.held_by[0] == 0
    assert_is_of_the_file(plan, kept)


@pytest.mark.parametrize("damage", ["gone", "cut", "other bytes"])
def test_of_a_former_archive_that_is_damaged_here_nothing_is_foretold(
    file: Path, kept: FormerArchive, damage: str
) -> None:
    assert kept.path
    if damage == "gone":
        kept.path.unlink()
    else:
        kept.path.write_bytes(b"" if damage == "cut" else bytes(kept.path.stat().st_size))
    with closing(Planner(file, AtOnce(), ROOM, foretell=lambda former, _: former)) as planner:
        planner.follow(kept, SIZE, SIZE)
        plan = planner.plan(kept)

    assert plan.digest.taken == 0
    assert_is_of_the_file(plan, kept)


def test_an_early_read_that_fails_leaves_no_thread_waiting(
    file: Path, kept: FormerArchive, pool: ThreadPoolExecutor
) -> None:
    def foretell(former: bytes, _: int) -> bytes:
        file.write_bytes(b"cut short")
        return former[:4096]

    with closing(Planner(file, pool, ROOM, foretell=foretell)) as planner:
        planner.follow(kept, SIZE, SIZE)
        planner.follow(kept, SIZE, SIZE)
        file.write_bytes(CONTENT)
        assert_is_of_the_file(planner.plan(kept), kept)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([NOTHING, SAME, OTHER, None]),
    st.lists(st.integers(SIZE // 3, SIZE), min_size=1, max_size=3),
    st.sets(st.integers(0, CHUNKS), max_size=3),
    st.sampled_from([SIZE // 2, SIZE]),
)
def test_what_changed_after_it_was_read_is_read_again(
    file: Path,
    kept: FormerArchive,
    archive: FormerArchive | None,
    finals: list[int],
    places: set[int],
    early_size: int,
) -> None:
    """Also where the file was shorter then, and where the copy began anew, as it does with a smaller number."""
    former = kept if archive is None else archive
    with closing(Planner(file, AtOnce(), ROOM, foretell=lambda begin, _: begin[:4096])) as planner:
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


def test_several_threads_digest_in_order_what_grows(file: Path, kept: FormerArchive, pool: ThreadPoolExecutor) -> None:
    file.write_bytes(b"")
    with (
        closing(Planner(file, pool, ROOM, foretell=lambda begin, _: begin[:4096])) as planner,
        file.open("r+b") as growing,
    ):
        for at in range(0, SIZE, 1024 * 1024):
            growing.write(CONTENT[at : at + 1024 * 1024])
            growing.flush()
            planner.follow(kept, SIZE, growing.tell())
        plan = planner.plan(kept)
    assert_is_of_the_file(plan, kept)


def test_a_planner_that_is_closed_early_reads_no_more(file: Path, pool: ThreadPoolExecutor) -> None:
    before = open_files()
    planner = Planner(file, pool, ROOM)
    planner.follow(NOTHING, SIZE, SIZE)
    planner.close()

    assert open_files() == before


def told_early(
    file: Path, former: FormerArchive, begin: bytes | None, room: int = ROOM
) -> list[tuple[int | None, bytes]]:
    """What is told of a file's archive before the file is whole."""
    told: list[tuple[int | None, bytes]] = []
    with closing(Planner(file, AtOnce(), room, foretell=lambda _, __: begin)) as planner:
        for final in (0, SIZE // 2, SIZE):
            planner.follow(former, SIZE, final, lambda offset, data: told.append((offset, data)))
        assert_is_of_the_file(planner.plan(former), former)
    return told


def test_the_archive_is_told_in_order_before_the_file_is_whole(file: Path, kept: FormerArchive) -> None:
    told = told_early(file, kept, CONTENT[:4096])

    archive = b"".join(map(compress, chunks_of(CONTENT)))
    assert b"".join(data for _, data in told) == archive
    assert [data for offset, data in told if offset is None] == [compress(chunks_of(CONTENT)[50])]
    former = kept.path.read_bytes() if kept.path else b""
    assert all(former[offset : offset + len(data)] == data for offset, data in told if offset is not None)


@pytest.mark.parametrize("because", ["nothing is foretold", "its bytes are not here", "no room to compress it"])
def test_nothing_is_told_where_the_beginning_is_not_known(file: Path, kept: FormerArchive, because: str) -> None:
    former = OTHER if because == "its bytes are not here" else kept
    begin = None if because == "nothing is foretold" else CONTENT[:4096]
    if because == "no room to compress it":
        former = FormerArchive(kept.members[1:], kept.path)
        begin = b"other" + CONTENT[5:4096]

    assert told_early(file, former, begin, room=0) == []


def test_what_is_missing_ends_the_telling(file: Path, kept: FormerArchive) -> None:
    """The rest would follow what was told last, and stand at another place than it does."""
    told = told_early(file, kept, CONTENT[:4096], room=0)

    archive = b"".join(map(compress, chunks_of(CONTENT)))
    whole = b"".join(data for _, data in told)
    assert archive.startswith(whole)
    assert 0 < len(whole) <= sum(member.gzip_bytes for member in kept.members[:50])


def test_of_a_copy_that_begins_anew_nothing_is_told_twice(file: Path, kept: FormerArchive) -> None:
    told: list[bytes] = []
    with closing(Planner(file, AtOnce(), ROOM, foretell=lambda begin, _: begin[:4096])) as planner:
        for final in (SIZE // 2, 0, SIZE):
            planner.follow(kept, SIZE, final, lambda _, data: told.append(data))
        assert_is_of_the_file(planner.plan(kept), kept)

    archive = b"".join(map(compress, chunks_of(CONTENT)))
    assert 0 < len(b"".join(told)) < len(archive) * 2 // 3
    assert archive.startswith(b"".join(told))


def test_who_cannot_be_told_fails_the_copy(file: Path, kept: FormerArchive) -> None:
    def foresee(_: int | None, __: bytes) -> None:
        raise StoreError("store: send", "the service refused it", "")

    with closing(Planner(file, AtOnce(), ROOM, foretell=lambda begin, _: begin[:4096])) as planner:
        planner.follow(kept, SIZE, SIZE, foresee)
        with pytest.raises(StoreError, match="the service refused it"):
            planner.plan(kept)
