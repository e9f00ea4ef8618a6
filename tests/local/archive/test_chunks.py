"""Where a file is cut: the whole of it once, the former cut kept, and never too many pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.archive import chunks
from local.archive.chunks import FINE_BYTES, GROUP_BYTES, LONGEST_BYTES, SMALL_BYTES

GIB = 1024**3
OURS = st.integers(1, 12).map(lambda pieces: pieces * FINE_BYTES)
ANY = st.one_of(OURS, st.integers(0, 3 * SMALL_BYTES), st.sampled_from([0, 1, LONGEST_BYTES + 1, 2**32 - 1]))


@given(st.lists(ANY, max_size=12), st.integers(1, 40 * SMALL_BYTES))
def test_whatever_a_former_table_says_the_chunks_cover_the_file_once_in_order(former: list[int], size: int) -> None:
    offset = 0
    cut = chunks.cut(former, size)
    for start, length in cut:
        assert start == offset
        assert start % FINE_BYTES == 0
        assert 0 < length <= LONGEST_BYTES
        offset += length
    assert offset == size
    assert len(cut) <= -(-size // FINE_BYTES)


@given(st.lists(OURS, max_size=12))
def test_a_former_cut_of_ours_is_kept(former: list[int]) -> None:
    assert [length for _, length in chunks.cut(former, sum(former))] == former


def test_from_the_first_length_that_is_not_ours_the_file_is_cut_anew() -> None:
    assert chunks.cut([FINE_BYTES, FINE_BYTES + 1, SMALL_BYTES], 3 * SMALL_BYTES) == [
        (0, FINE_BYTES),
        (FINE_BYTES, SMALL_BYTES - FINE_BYTES),
        (SMALL_BYTES, SMALL_BYTES),
        (2 * SMALL_BYTES, SMALL_BYTES),
    ]


@given(st.integers(1, 40 * SMALL_BYTES), st.integers(1, 40 * SMALL_BYTES))
def test_a_file_that_grew_or_shrank_keeps_every_whole_chunk_that_it_had(before: int, after: int) -> None:
    first = chunks.cut([], before)

    second = chunks.cut([length for _, length in first], after)

    whole = [chunk for chunk in first if sum(chunk) <= min(before, after) and chunk[1] == SMALL_BYTES]
    assert second[: len(whole)] == whole


def test_a_file_that_grew_is_cut_anew_from_its_last_chunk() -> None:
    before = [length for _, length in chunks.cut([], 2 * SMALL_BYTES + 1000)]

    assert chunks.cut(before, 2 * SMALL_BYTES + 5000) == [
        (0, SMALL_BYTES),
        (SMALL_BYTES, SMALL_BYTES),
        (2 * SMALL_BYTES, 5000),
    ]


def test_a_file_that_shrank_loses_its_last_chunks() -> None:
    assert chunks.cut([SMALL_BYTES] * 3, SMALL_BYTES + 512) == [(0, SMALL_BYTES), (SMALL_BYTES, 512)]


def test_a_year_of_growth_to_a_hundred_gibibytes_keeps_the_table_small() -> None:
    former: list[int] = []
    for week in range(1, 53):
        former = [length for _, length in chunks.cut(former, week * 100 * GIB // 52)]

    assert sum(former) == 100 * GIB
    assert len(former) < 300_000


@given(st.lists(st.one_of(OURS, st.just(2 * GROUP_BYTES)), min_size=1, max_size=60))
def test_groups_hold_every_chunk_once_and_are_bounded(lengths: list[int]) -> None:
    cut = chunks.cut(lengths, sum(lengths))

    groups = chunks.grouped(cut)

    assert [chunk for group in groups for chunk in group] == cut
    assert all(sum(length for _, length in group[:-1]) < GROUP_BYTES for group in groups)


def test_the_pieces_of_a_chunk_are_in_its_group() -> None:
    whole = chunks.grouped(chunks.cut([], 100 * SMALL_BYTES))
    fine = chunks.grouped(chunks.cut([FINE_BYTES] * 600, 100 * SMALL_BYTES))

    assert [group[0][0] for group in fine] == [group[0][0] for group in whole]
