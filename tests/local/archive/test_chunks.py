"""Where a file is cut: the whole of it once, the former cut kept, and never too many pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.archive import chunks
from local.archive.chunks import GROUP_BYTES, SMALL_BYTES

GIB = 1024**3


@given(st.lists(st.integers(1, 3 * SMALL_BYTES), max_size=12), st.integers(1, 40 * SMALL_BYTES))
def test_the_chunks_cover_the_file_once_in_order(former: list[int], size: int) -> None:
    offset = 0
    for start, length in chunks.cut(former, size):
        assert start == offset
        assert length > 0
        offset += length
    assert offset == size


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


@given(st.lists(st.integers(1, 2 * GROUP_BYTES), min_size=1, max_size=30))
def test_groups_hold_every_chunk_once_and_are_bounded(lengths: list[int]) -> None:
    cut = chunks.cut(lengths, sum(lengths))

    groups = chunks.grouped(cut)

    assert [chunk for group in groups for chunk in group] == cut
    assert all(len(group) == 1 or sum(length for _, length in group) <= GROUP_BYTES for group in groups)
