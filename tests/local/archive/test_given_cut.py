"""A file whose cut is given: what moved is found where it stood, in both stores, and nothing of it travels again."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest

from local.archive import members_table
from local.archive import write as archive
from local.archive.cache import ArchiveCopy, KeptArchive, kept_archive
from local.archive.chunks import LONGEST_BYTES
from local.archive.former import FormerArchive, read_part
from local.archive.given_cut import GivenCut, at_most
from local.archive.gzip_member import compress, describe
from local.archive.plan import CutPlan
from local.archive.planner import Planner
from local.archive.sink import ArchiveSink
from local.archive.write import Written
from local.store import archive_end, catalog
from local.store.interface import Entry, Store
from local.store.shelf import VOLUMES
from tests.support.crossed import crossed

BLOB = VOLUMES.data_name(date(2026, 5, 5), "Site_data")


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as running:
        yield running


def part(seed: int) -> bytes:
    """Bytes of an odd number that do not compress, from 1 to 100,000 and now and then more."""
    draw = random.Random(seed)
    return draw.randbytes(draw.choice([1, 511, draw.randrange(1, 100_000), draw.randrange(100_000, 1_000_000)]))


@dataclass(frozen=True)
class Kept:
    """An archive in a store, how it was planned, what travelled, and what this machine keeps of it."""

    plan: CutPlan
    written: Written
    entry: Entry
    content: bytes
    sent: int
    here: KeptArchive


@dataclass(frozen=True)
class Shelf:
    """Where archives are kept, one after the other under one name."""

    store: Store
    folder: Path
    pool: ThreadPoolExecutor

    def keep(self, parts: Sequence[bytes], former: Kept | None = None, *, cache: bool = True) -> Kept:
        """The parts' archive, made from the former one, of which this machine has the bytes with `cache`."""
        file, own = self.folder / "tar", self.folder / "own"
        file.write_bytes(b"".join(parts))
        base = former_archive(former, cache=cache)
        with (
            closing(Planner(file, self.pool, 0, partial(GivenCut, [len(one) for one in parts]))) as planner,
            self.store.upload(BLOB, former.entry if former else None) as upload,
            closing(ArchiveCopy(own, former.here if former and cache else None)) as copy,
        ):
            plan = planner.plan(base)
            sink = ArchiveSink(upload, copy)
            written = archive.write(plan, sink, self.pool, lambda _: None)
            whole = sink.finish({"raw_bytes": plan.size, "members": members_table.encode(written.members)})
            copy.keep(whole.sha256, upload.commit({"sha256": whole.sha256}))
            sent = upload.sent
        (entry,) = (each for each in self.store.entries("volumes") if each.version is None and each.name == BLOB)
        with urlopen(self.store.link(entry, 60)) as answer:
            content = answer.read()
        assert hashlib.sha256(content).hexdigest() == whole.sha256
        assert gzip.decompress(content) == file.read_bytes()
        here = kept_archive(own, whole.sha256)
        assert here
        with here.pack.open("rb") as kept:
            assert read_part(kept.fileno(), here.extents, 0, len(content)) == content
        return Kept(plan, written, entry, content, sent, here)


def former_archive(former: Kept | None, *, cache: bool) -> FormerArchive:
    if former is None:
        return FormerArchive()
    if not cache:
        return FormerArchive(former.written.members)
    return FormerArchive(former.written.members, former.here.pack, former.here.extents)


@pytest.fixture
def shelf(store: Store, tmp_path: Path, pool: ThreadPoolExecutor) -> Shelf:
    folder = tmp_path / "work"
    folder.mkdir()
    return Shelf(store, folder, pool)


HOWS = ("inserted", "removed", "backwards", "halves", "shuffled", "repeated")


def moved(parts: list[bytes], how: str) -> list[bytes]:
    return {
        "inserted": [part(1000), *parts],
        "removed": parts[3:],
        "backwards": parts[::-1],
        "halves": [*parts[12:], *parts[:12]],
        "shuffled": random.Random(7).sample(parts, len(parts)),
        "repeated": [*parts[:10], *parts[5:20], *parts[5:], parts[0]],
    }[how]


@pytest.mark.parametrize(
    ("store_settings", "how", "cache"), crossed(("azure", "folder"), HOWS, (True, False)), indirect=["store_settings"]
)
def test_what_moved_is_taken_from_where_it_stood(shelf: Shelf, how: str, cache: bool) -> None:
    parts = [part(seed) for seed in range(24)]
    first = shelf.keep(parts)
    now = moved(parts, how)

    second = shelf.keep(now, first, cache=cache)

    new = [one for one in now if one not in parts]
    assert not second.plan.unchanged
    assert second.plan.changed_bytes == sum(map(len, new))
    if not shelf.store.local:
        # Too short for a request of its own is what goes along, and the table.
        small = sum(len(one) for one in now if len(one) < 16 * 1024)
        assert second.sent < 1.1 * (sum(map(len, new)) + small) + 200 * len(now)
    assert shelf.keep(now, second).plan.unchanged


def test_a_third_archive_is_compared_with_the_second_as_its_record_tells_it(shelf: Shelf) -> None:
    parts = [part(seed) for seed in range(12)]
    first = shelf.keep(parts)
    second = shelf.keep(parts[::-1], first)
    path = shelf.folder / "second"
    path.write_bytes(second.content)

    with path.open("rb") as file:
        record = archive_end.read_record(file, len(second.content))

    assert record
    told = members_table.decode(record.fields["members"], record.fields["raw_bytes"], record.begin)
    assert told == second.written.members
    assert [one.raw_bytes for one in told] == [len(one) for one in parts[::-1]]
    assert catalog.from_entries([second.entry], VOLUMES)[0].name == "Site_data"


def test_chunks_of_the_same_content_are_taken_in_a_row(shelf: Shelf) -> None:
    hole = bytes(96 * 1024)
    parts = [part(1), *[hole] * 20, part(2), *[hole] * 20, part(3)]
    first = shelf.keep(parts)

    second = shelf.keep([part(4), *parts], first)

    held = second.plan.held_by
    assert held[0] is None
    assert sum(1 for left, right in pairwise(held[1:]) if right != (left or 0) + 1) <= 4


@pytest.mark.parametrize("lengths", [[], [3, 3], [0, 7], [8, -1], [LONGEST_BYTES + 1]])
def test_lengths_that_are_no_cut_of_the_file_are_refused(lengths: list[int]) -> None:
    size = LONGEST_BYTES + 1 if lengths and lengths[0] > LONGEST_BYTES else 7

    with pytest.raises(ValueError, match="are no cut of"):
        GivenCut(lengths, (), size)


def many_lengths(count: int, seed: int = 5) -> list[int]:
    """Groups of any length, and large files of chunks that are equally long."""
    draw = random.Random(seed)
    lengths: list[int] = []
    while len(lengths) < count:
        lengths.append(512 * draw.randrange(1, 128))
        if not draw.randrange(4):
            lengths += [96 * 1024] * draw.randrange(1, 40)
    return lengths


def test_of_too_many_chunks_some_in_a_row_are_one_and_a_new_file_moves_few_of_them() -> None:
    lengths = many_lengths(20_000)
    changed = [*lengths[:7_000], 1536, 96 * 1024, 30 * 512, *lengths[7_000:]]

    before, after = at_most(lengths, 1_000), at_most(changed, 1_000)

    assert 100 < len(before) <= 1_000
    assert (sum(before), sum(after)) == (sum(lengths), sum(changed))
    assert max(before) <= LONGEST_BYTES
    same = sum(1 for left, right in zip(before, after, strict=False) if left == right)
    same_behind = sum(1 for left, right in zip(before[::-1], after[::-1], strict=False) if left == right)
    assert same + same_behind > 0.95 * len(before)
    assert at_most(lengths, 20_100) == lengths


def test_a_table_that_could_not_be_read_again_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [describe(b"a", compress(b"a"))] * 4
    monkeypatch.setattr(members_table, "_MOST_MEMBERS", 3)

    assert members_table.decode(members_table.encode(members), 4, 4 * members[0].gzip_bytes) == ()
    assert members_table.encode(members[:3])
