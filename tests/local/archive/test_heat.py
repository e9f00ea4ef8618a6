"""What is cut finer and what is joined: the whole of the file all the same, few members, and only where it pays."""

from __future__ import annotations

import gzip
import random

from hypothesis import given
from hypothesis import strategies as st

from local.archive import heat
from local.archive.chunks import FINE_BYTES, SMALL_BYTES
from local.archive.gzip_member import DENSE_LEVEL, FAST_LEVEL, Member, level_for
from local.archive.heat import HISTORY_BITS, Heat, Part, Spot, marks_of, pack, parts

PIECE = FINE_BYTES
MIB = 1024 * 1024
RESTED = 1 << (HISTORY_BITS - 1)
LENGTHS = st.lists(st.integers(1, 8).map(lambda pieces: pieces * PIECE), min_size=1, max_size=30)


def member(length: int, changes: int = 0, marks: bytes = b"") -> Member:
    known = heat.carried(Member(length, 1, 0, bytes(16)), changes)
    return known._replace(marks=marks) if marks else known


def pieces(*seeds: int) -> bytes:
    return b"".join(random.Random(seed).randbytes(PIECE) for seed in seeds)


def cut_by(before: bytes, now: bytes) -> list[Part]:
    return parts(Spot((0, len(now)), None, 0b11, DENSE_LEVEL, marks_of(before)), now)


def test_a_chunk_is_cut_around_the_pieces_that_changed() -> None:
    assert cut_by(pieces(1, 2, 3, 4, 5, 6), pieces(1, 2, 3, 9, 5, 6)) == [
        Part(3 * PIECE, 0b10),
        Part(PIECE, 0b11),
        Part(2 * PIECE, 0b10),
    ]


def test_pieces_in_a_row_that_changed_are_one_member() -> None:
    assert cut_by(pieces(1, 2, 3, 4), pieces(1, 8, 9, 4)) == [
        Part(PIECE, 0b10),
        Part(2 * PIECE, 0b11),
        Part(PIECE, 0b10),
    ]


def test_where_everything_changed_nothing_is_cut() -> None:
    assert cut_by(pieces(1, 2, 3), pieces(4, 5, 6)) == [Part(3 * PIECE, 0b11)]


def test_what_was_appended_to_the_last_chunk_is_cut_off() -> None:
    assert cut_by(pieces(1, 2, 3)[:-100], pieces(1, 2, 3, 4)[:-50]) == [
        Part(2 * PIECE, 0b10),
        Part(2 * PIECE - 50, 0b11),
    ]


@given(st.binary(max_size=40), st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, PIECE - 1))
def test_whatever_the_marks_say_the_parts_are_the_chunk_in_few_members(
    marks: bytes, seeds: list[int], less: int
) -> None:
    raw = pieces(*seeds)[: len(seeds) * PIECE - less]

    made = parts(Spot((0, len(raw)), None, 1, DENSE_LEVEL, marks), raw)

    assert sum(part.length for part in made) == len(raw)
    assert all(part.length > 0 for part in made)
    assert all(part.length % PIECE == 0 for part in made[:-1])
    assert len(made) <= 7
    assert made == parts(Spot((0, len(raw)), None, 1, DENSE_LEVEL, marks), raw)


def test_members_that_are_cut_are_the_content_in_order() -> None:
    before, now = pieces(1, 2, 3, 4), pieces(1, 9, 3, 4)

    data, members = pack(Spot((0, len(now)), None, 0b11, DENSE_LEVEL, marks_of(before)), now)

    assert gzip.decompress(data) == now
    assert [one.raw_bytes for one in members] == [PIECE, PIECE, 2 * PIECE]
    assert [one.gzip_bytes for one in members] == [one.gzip_bytes for one in members if one.gzip_bytes < len(data)]
    assert sum(one.gzip_bytes for one in members) == len(data)


def test_only_what_changed_in_the_newest_archive_is_worth_cutting() -> None:
    members = [member(SMALL_BYTES, changes) for changes in (0, 0b10, 0b1, 0b11, 0)] * 10

    chosen = heat.worth_cutting(members, 1000 * SMALL_BYTES)

    assert {index % 5 for index in chosen} == {2, 3}


def test_where_there_is_little_room_the_hottest_are_cut() -> None:
    members = [member(SMALL_BYTES, 0b1)] * 10 + [member(SMALL_BYTES, 0b111)] * 3 + [member(SMALL_BYTES, 0b101)] * 10

    assert heat.worth_cutting(members, 9 * SMALL_BYTES) == {10, 11, 12}


def test_an_archive_with_many_small_members_gets_no_more() -> None:
    members = [member(PIECE)] * 300 + [member(SMALL_BYTES, 0b1)] * 50

    assert heat.worth_cutting(members, 100 * SMALL_BYTES) == frozenset()


def spots_of(members: list[Member], size: int) -> list[Spot]:
    known = Heat(members, size)
    return known.joined([known.spot(place, place) for place in range(len(known.chunks))])


def test_the_pieces_of_a_chunk_that_rest_are_joined_and_its_neighbours_stay() -> None:
    members = [member(length, RESTED) for length in (SMALL_BYTES, PIECE, 2 * PIECE, 3 * PIECE, SMALL_BYTES)]

    spots = spots_of(members, 3 * SMALL_BYTES)

    assert [(spot.chunk[1], spot.held_by) for spot in spots] == [
        (SMALL_BYTES, 0),
        (SMALL_BYTES, None),
        (SMALL_BYTES, 4),
    ]


def test_a_piece_that_changed_not_long_ago_keeps_its_cuts() -> None:
    recently = 1 << (HISTORY_BITS - 2)
    members = [member(length, changes) for length, changes in ((2 * PIECE, 0), (PIECE, recently), (3 * PIECE, 0))]

    spots = spots_of(members, SMALL_BYTES)

    assert [spot.held_by for spot in spots] == [0, 1, 2]


@given(LENGTHS, st.data())
def test_whatever_the_table_says_the_spots_are_the_file_in_order(lengths: list[int], data: st.DataObject) -> None:
    members = [member(length, data.draw(st.integers(0, 255)), data.draw(st.binary(max_size=20))) for length in lengths]
    size = data.draw(st.integers(1, sum(lengths) + 10 * SMALL_BYTES))
    known = Heat(members, size)
    held = st.one_of(st.none(), st.integers(0, len(members) - 1))

    spots = known.joined([known.spot(place, data.draw(held)) for place in range(len(known.chunks))])

    offset = 0
    for spot in spots:
        assert spot.chunk[0] == offset
        assert spot.chunk in known.chunks or spot.chunk[1] <= SMALL_BYTES
        offset += spot.chunk[1]
    assert offset == size


def test_the_first_archive_remembers_no_change() -> None:
    assert Heat([], SMALL_BYTES).spot(0, None).changes == 0


def test_a_place_remembers_eight_archives() -> None:
    known = Heat([member(SMALL_BYTES, 0b11111111), member(SMALL_BYTES, 0b1)], 2 * SMALL_BYTES)

    assert known.spot(0, 0).changes == 0b11111110
    assert known.spot(1, None).changes == 0b11


def test_a_large_first_archive_is_made_fast_and_everything_else_small() -> None:
    assert level_for(10_000 * MIB, is_first=True) == FAST_LEVEL
    assert level_for(10_000 * MIB, is_first=False) == level_for(MIB, is_first=True) == DENSE_LEVEL


def test_a_member_that_is_held_is_compressed_again_as_it_was() -> None:
    known = Heat([member(SMALL_BYTES)._replace(level=FAST_LEVEL)], SMALL_BYTES)

    assert known.spot(0, 0).level == FAST_LEVEL
