from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as some

from local.archive.chunks import LONGEST_BYTES, SMALL_BYTES
from local.volumes.cut import LARGE_BYTES, PlacedEntry, cut

ENTRIES = some.lists(
    some.builds(
        PlacedEntry,
        path=some.binary(min_size=1, max_size=20),
        header_bytes=some.sampled_from([512, 1536]),
        content_bytes=some.integers(0, 600).map(lambda blocks: blocks * 512),
    ),
    max_size=60,
)


def size_of(entries: Sequence[PlacedEntry]) -> int:
    return sum(entry.header_bytes + entry.content_bytes for entry in entries) + 1024


def some_entries(count: int, seed: int = 9) -> list[PlacedEntry]:
    rng = random.Random(seed)
    sizes = [rng.choice([0, 512, 1024, 4096, 20_480, 65_536, 300_032]) for _ in range(count)]
    return [PlacedEntry(b"dir/%d" % number, 512, size) for number, size in enumerate(sizes)]


def pieces(entries: Sequence[PlacedEntry]) -> set[tuple[tuple[bytes, int, int], ...]]:
    """What each chunk holds: of which entries which bytes, as far as the cut can know a content."""
    spans, at = [], 0
    for entry in entries:
        length = entry.header_bytes + entry.content_bytes
        spans.append((entry, at, at + length))
        at += length
    found, start = set(), 0
    for length in cut(entries):
        end = start + length
        inside = [(entry.path, max(start, a) - a, min(end, b) - a) for entry, a, b in spans if a < end and b > start]
        found.add(tuple(inside))
        start = end
    return found


@given(ENTRIES)
def test_the_chunks_are_all_of_the_tar(entries: list[PlacedEntry]) -> None:
    lengths = cut(entries)
    assert sum(lengths) == size_of(entries)
    assert all(0 < length <= SMALL_BYTES or length <= 64 * 1024 + 65_536 + 2048 for length in lengths)


@given(ENTRIES, some.integers(0, 60))
def test_a_larger_content_is_cut_from_its_own_start(entries: list[PlacedEntry], place: int) -> None:
    large = PlacedEntry(b"large", 512, 5 * SMALL_BYTES + 512)
    lengths = cut([*entries[:place], large, *entries[place:]])
    row = (*[SMALL_BYTES] * 5, 512)
    assert any(lengths[at : at + len(row)] == row for at in range(len(lengths)))


def test_an_entry_that_came_or_grew_leaves_all_but_a_few_chunks_as_they_were() -> None:
    entries = some_entries(400)
    before = pieces(entries)
    for place in range(0, 400, 97):
        inserted = [*entries[:place], PlacedEntry(b"dir/new", 512, 1024), *entries[place:]]
        old = entries[place]
        grown = [*entries[:place], PlacedEntry(old.path, 512, old.content_bytes + 512), *entries[place + 1 :]]
        without = entries[:place] + entries[place + 1 :]
        for changed in (inserted, grown, without):
            assert len(pieces(changed) - before) <= 4


def test_small_entries_are_gathered_in_groups_of_a_fitting_size() -> None:
    entries = [PlacedEntry(b"some/dir/file-%d.txt" % number, 512, 1024) for number in range(20_000)]
    lengths = cut(entries)
    assert 16 * 1024 < sum(lengths) / len(lengths) < 24 * 1024
    assert max(lengths) <= 64 * 1024 + 1536 + 1024


def test_a_file_of_terabytes_has_chunks_that_get_longer_and_an_append_leaves_them() -> None:
    size = 3 << 40
    first = cut([PlacedEntry(b"large", 1536, size)])
    assert len(first) < 400_000
    assert max(first) <= LONGEST_BYTES
    again = cut([PlacedEntry(b"large", 1536, size + 512)])
    assert again[: len(first) - 2] == first[:-2]


def test_the_same_entries_have_the_same_cut_in_every_version() -> None:
    """Pinned: another cut sends everything again."""
    entries = [PlacedEntry(b"dir/%d" % number, 512, 4096) for number in range(60)]
    assert LARGE_BYTES == 65_536
    assert cut([*entries, PlacedEntry(b"large", 512, 200_192)]) == (
        4608,
        41472,
        4608,
        23040,
        9216,
        27648,
        27648,
        18432,
        36864,
        13824,
        18432,
        4608,
        9216,
        13824,
        23552,
        98304,
        98304,
        3584,
        1024,
    )
