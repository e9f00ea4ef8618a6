from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.archive import chunks
from local.archive.chunks import LARGE, SMALL


@given(st.lists(st.integers(1, 3 * LARGE), max_size=12), st.integers(1, 40 * LARGE))
def test_the_chunks_cover_the_database_once_in_order(lengths: list[int], size: int) -> None:
    offset = 0
    for start, length in chunks.fit(lengths, size):
        assert start == offset
        assert length > 0
        offset += length
    assert offset == size


@given(st.integers(1, 60 * LARGE), st.data())
def test_cutting_what_changed_keeps_the_cover(size: int, data: st.DataObject) -> None:
    whole = chunks.fit([], size)
    changed = data.draw(st.sets(st.integers(0, len(whole) - 1)))

    cut = chunks.cut_changed(whole, changed)

    assert sum(length for _, length in cut) == size
    assert [start for start, _ in cut] == [sum(length for _, length in cut[:index]) for index in range(len(cut))]


def test_a_first_backup_of_a_gigabyte_is_a_few_hundred_large_chunks() -> None:
    assert len(chunks.fit([], 10**9)) == 239


def test_a_changed_chunk_is_cut_small_and_the_rest_stays_whole() -> None:
    whole = chunks.fit([], 10 * LARGE)

    cut = chunks.cut_changed(whole, {3})

    assert [length for _, length in cut].count(LARGE) == 9
    assert {length for _, length in cut} <= {LARGE, SMALL, LARGE % SMALL}


def test_a_run_cuts_only_as_many_chunks_as_its_budget_allows() -> None:
    whole = chunks.fit([], 239 * LARGE)

    cut = chunks.cut_changed(whole, range(239))

    assert len(cut) <= 239 + 600
    assert any(length == LARGE for _, length in cut)


def test_a_chunk_cut_once_is_not_cut_again() -> None:
    small = chunks.pieces((0, LARGE), SMALL)

    assert chunks.cut_changed(small, {0, 5}) == small


def test_a_database_that_grew_is_cut_anew_from_its_last_chunk() -> None:
    before = [length for _, length in chunks.fit([], 2 * LARGE + 1000)]

    assert chunks.fit(before, 2 * LARGE + 5000) == [(0, LARGE), (LARGE, LARGE), (2 * LARGE, 5000)]


def test_a_database_that_shrank_loses_its_last_chunks() -> None:
    assert chunks.fit([LARGE, LARGE, LARGE], LARGE + 512) == [(0, LARGE), (LARGE, 512)]


def test_a_huge_database_stays_below_azures_50000_blocks() -> None:
    size = 200 * 10**9

    assert size / chunks.small_length(size) <= 40_000
