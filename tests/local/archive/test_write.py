"""What is restored equals what was written, whatever of the former archive is used again."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.archive import members_table
from local.archive import write as archive
from local.archive.cache import ArchiveCopy
from local.archive.chunks import FINE_BYTES, SMALL_BYTES
from local.archive.former import FormerArchive, read_members
from local.archive.gzip_member import LEVELS
from local.archive.heat import HISTORY_BITS
from local.archive.plan import CutPlan
from local.archive.planner import Planner
from local.archive.sink import ArchiveSink
from local.store import archive_end

BLOCK = SMALL_BYTES


@dataclass
class MemoryUpload:
    """Keeps what it is given, and holds every reuse against the base that it is said to stand in."""

    base: bytes = b""
    content: bytearray = field(default_factory=bytearray)
    sent: int = 0
    base_blocks: tuple[str, ...] = ()
    is_begun: bool = False

    def foresee(self, offset: int | None, data: bytes) -> None:
        raise AssertionError(offset, data)

    def send(self, data: bytes) -> None:
        self.content += data
        self.sent += len(data)

    def reuse(self, offset: int, data: bytes) -> None:
        assert self.base[offset : offset + len(data)] == data
        self.content += data

    def commit(self, metadata: object) -> tuple[str, ...]:
        raise AssertionError(metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class Written:
    plan: CutPlan
    path: Path
    sent: int


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as running:
        yield running


def write(
    folder: Path, content: bytes, former: Path | None, pool: ThreadPoolExecutor, *, cache: bool = True
) -> Written:
    """The archive of `content` in the folder, made from the one at `former`."""
    live, target = folder / "live", folder / "archive"
    base = former.read_bytes() if former else b""
    live.write_bytes(content)
    upload = MemoryUpload(base)
    work = plan(live, former_at(former, cache), pool)
    sink = ArchiveSink(upload, ArchiveCopy(None))
    written = archive.write(work, sink, pool, lambda _: None)
    assert written.raw_sha256 == hashlib.sha256(content).hexdigest()
    whole = sink.finish({"raw_bytes": len(content), "members": members_table.encode(written.members)})
    assert whole.sha256 == hashlib.sha256(upload.content).hexdigest()
    target.write_bytes(upload.content)
    return Written(work, target, upload.sent)


def plan(live: Path, former: FormerArchive, pool: ThreadPoolExecutor) -> CutPlan:
    with closing(Planner(live, pool, 0)) as planner:
        return planner.plan(former)


def former_at(path: Path | None, cache: bool) -> FormerArchive:
    if path is None:
        return FormerArchive()
    with path.open("rb") as file:
        record = archive_end.read_record(file, path.stat().st_size)
    assert record
    members = members_table.decode(record.fields["members"], record.fields["raw_bytes"], record.begin)
    assert members
    return FormerArchive(members, path if cache else None)


def blocks(*seeds: int) -> bytes:
    return b"".join(random.Random(seed).randbytes(BLOCK) for seed in seeds)


EDITS = st.lists(
    st.tuples(st.sampled_from(["move", "swap", "repeat", "cut", "grow", "byte"]), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[tuple[str, int, int]]) -> bytes:
    """Block moves, swaps, repeats, truncations, growth and single bytes."""
    parts = [content[at : at + BLOCK] for at in range(0, len(content), BLOCK)]
    for kind, first, second in edits:
        if not parts:
            parts = [b"x"]
        here, there = first % len(parts), second % len(parts)
        if kind == "move":
            parts.insert(there, parts.pop(here))
        elif kind == "swap":
            parts[here], parts[there] = parts[there], parts[here]
        elif kind == "repeat":
            parts[here] = parts[there]
        elif kind == "cut":
            parts = parts[: here + 1]
            parts[-1] = parts[-1][: len(parts[-1]) // 2 + 1]
        elif kind == "grow":
            parts.append(blocks(first)[: 1000 * (second + 1)])
        else:
            changed = bytearray(parts[here])
            changed[second % len(changed)] ^= 1
            parts[here] = bytes(changed)
    return b"".join(parts)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS, EDITS, st.booleans())
def test_what_is_restored_equals_what_was_live(
    tmp_path_factory: pytest.TempPathFactory,
    pool: ThreadPoolExecutor,
    first_edits: list[tuple[str, int, int]],
    second_edits: list[tuple[str, int, int]],
    cache: bool,
) -> None:
    folder = tmp_path_factory.mktemp("write")
    content = blocks(1, 2, 3, 4) + b"the last one is shorter"
    former: Path | None = None
    for edits in ([], first_edits, second_edits):
        before, content = content, edited(content, edits)
        (folder / str(len(list(folder.iterdir())))).mkdir()
        written = write(max(folder.iterdir(), key=lambda path: int(path.name)), content, former, pool, cache=cache)
        assert gzip.decompress(written.path.read_bytes()) == content
        assert written.plan.unchanged == (former is not None and content == before)
        former = written.path


def test_two_chunks_that_changed_places_are_a_change(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first = write(tmp_path / "1", blocks(1, 2, 3), None, pool)

    second = write(tmp_path / "2", blocks(1, 3, 2), first.path, pool)

    assert not second.plan.unchanged
    assert second.plan.changed_bytes == 2 * BLOCK
    assert second.sent < BLOCK  # nothing is new in it but the record


def test_one_changed_page_sends_one_member(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    content = blocks(*range(20))
    first = write(tmp_path / "1", content, None, pool)

    second = write(tmp_path / "2", content[: 7 * BLOCK] + b"!" + content[7 * BLOCK + 1 :], first.path, pool)

    assert second.plan.changed_bytes == BLOCK
    assert second.sent < 1.1 * BLOCK


def test_a_lost_cache_costs_compression_and_no_upload(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    content = blocks(*range(5))
    first = write(tmp_path / "1", content, None, pool)

    second = write(tmp_path / "2", b"!" + content[1:], first.path, pool, cache=False)

    assert second.sent < 1.1 * BLOCK


@dataclass
class Series:
    """Archives one after the other, each made from the one before."""

    folder: Path
    pool: ThreadPoolExecutor
    cache: bool = True
    made: list[Written] = field(default_factory=list)

    def add(self, content: bytes) -> Written:
        folder = self.folder / str(len(self.made))
        folder.mkdir(parents=True)
        former = self.made[-1].path if self.made else None
        self.made.append(write(folder, content, former, self.pool, cache=self.cache))
        assert gzip.decompress(self.made[-1].path.read_bytes()) == content
        return self.made[-1]

    @property
    def members(self) -> int:
        return len(former_at(self.made[-1].path, cache=False).members)


def with_byte(content: bytes, at: int, value: int) -> bytes:
    return content[:at] + bytes([content[at] ^ value]) + content[at + 1 :]


def hot_then_at_rest(series: Series) -> bytes:
    """One page changes in three archives, then in each of eight another one far from it."""
    content = blocks(*range(12))
    series.add(content)
    for run in range(1, 4):
        content = with_byte(content, 5 * BLOCK + 40_000, run)
        series.add(content)
    for place in (0, 2, 7, 9, 11, 1, 3, 8):
        content = with_byte(content, place * BLOCK, 1)
        series.add(content)
    return content


@pytest.fixture(scope="module")
def heated(tmp_path_factory: pytest.TempPathFactory, pool: ThreadPoolExecutor) -> Series:
    series = Series(tmp_path_factory.mktemp("heated"), pool)
    hot_then_at_rest(series)
    return series


def test_what_changes_again_and_again_is_sent_in_small_pieces_from_the_third_change_on(heated: Series) -> None:
    assert heated.made[2].sent > BLOCK
    assert heated.made[3].sent < FINE_BYTES + 2000


def test_what_rests_is_joined_again(heated: Series) -> None:
    assert [len(former_at(one.path, cache=False).members) for one in heated.made[1:]] == [12, *[14] * 9, 12]
    assert heated.made[-2].sent < 1.1 * BLOCK
    assert heated.made[-1].sent > 1.9 * BLOCK


def test_what_rests_makes_no_archive_of_its_own(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    series = Series(tmp_path, pool)
    content = blocks(1, 2, 3)
    for run in range(3):
        content = with_byte(content, 50_000, run)
        series.add(content)

    assert series.members > 3
    assert all(series.add(content).plan.unchanged for _ in range(2 * HISTORY_BITS))


def test_changes_that_move_about_cut_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    series = Series(tmp_path, pool)
    content = blocks(*range(8))
    series.add(content)
    for run in range(8):
        content = with_byte(content, run * 3 % 8 * BLOCK + 1000, 1)
        series.add(content)

    assert series.members == 8


def test_a_machine_without_a_cache_makes_the_same_archive(
    tmp_path: Path, heated: Series, pool: ThreadPoolExecutor
) -> None:
    there = Series(tmp_path, pool, cache=False)
    hot_then_at_rest(there)

    assert [one.path.read_bytes() for one in there.made] == [one.path.read_bytes() for one in heated.made]
    assert [one.sent for one in there.made] == [one.sent for one in heated.made]


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 11), st.integers(0, 2**32), st.booleans(), st.integers(1, 13 * BLOCK))
def test_a_table_that_lies_about_what_changed_makes_no_wrong_archive(
    tmp_path: Path, heated: Series, pool: ThreadPoolExecutor, which: int, seed: int, cache: bool, size: int
) -> None:
    draw = random.Random(seed)
    former = former_at(heated.made[which].path, cache)
    lying = tuple(
        member._replace(
            changes=draw.randrange(256),
            marks=draw.choice([b"", bytes(12), member.marks, b"odd"]),
            level=draw.choice(LEVELS),
        )
        for member in former.members
    )
    live = tmp_path / "live"
    live.write_bytes((gzip.decompress(heated.made[-1].path.read_bytes()) + blocks(99))[:size])
    upload = MemoryUpload(heated.made[which].path.read_bytes())

    with closing(Planner(live, pool, 0)) as planner:
        work = planner.plan(FormerArchive(lying, former.path))
    written = archive.write(work, ArchiveSink(upload, ArchiveCopy(None)), pool, lambda _: None)

    assert gzip.decompress(bytes(upload.content)) == live.read_bytes()
    assert members_table.decode(members_table.encode(written.members), work.size, len(upload.content))


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_a_damaged_copy_on_this_machine_is_compressed_again(
    tmp_path: Path, pool: ThreadPoolExecutor, harm: str
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    content = blocks(*range(5))
    first = write(tmp_path / "1", content, None, pool)
    sound = first.path.read_bytes()
    damaged = bytearray(sound)
    damaged[2 * BLOCK] ^= 1
    former = former_at(first.path, cache=True)
    if harm == "damaged":
        first.path.write_bytes(damaged)
    else:
        first.path.unlink()

    live = tmp_path / "2" / "live"
    live.write_bytes(b"!" + content[1:])
    upload = MemoryUpload(sound)
    archive.write(plan(live, former, pool), ArchiveSink(upload, ArchiveCopy(None)), pool, lambda _: None)

    assert gzip.decompress(bytes(upload.content)) == b"!" + content[1:]
    assert upload.sent < 1.1 * BLOCK


def test_a_copy_that_the_disk_no_longer_reads_is_none(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    first = write(tmp_path, blocks(1, 2), None, pool)
    former = former_at(first.path, cache=True)
    with first.path.open("rb") as readable, first.path.open("ab") as refusing:
        assert read_members(readable.fileno(), former, [0, 1]) == first.path.read_bytes()[: former.offsets[2]]
        assert read_members(refusing.fileno(), former, [0, 1]) is None
