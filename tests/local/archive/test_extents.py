"""An archive that stands in stretches of a pack is read as if it stood in a row."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.archive.extents import EXTENTS_MAX, Extent, Extents, append, has_room
from local.archive.former import read_part

PACK = bytes(range(100))
STRETCHES = st.lists(st.builds(Extent, st.integers(0, 80), st.integers(1, 20)), max_size=12)


def joined(stretches: list[Extent]) -> Extents:
    row: list[Extent] = []
    for extent in stretches:
        append(row, extent)
    return Extents(tuple(row))


@given(STRETCHES, st.integers(0, 250), st.integers(0, 250))
def test_any_part_is_what_stands_there_in_as_few_reads_as_can_be(
    tmp_path_factory: pytest.TempPathFactory, stretches: list[Extent], offset: int, length: int
) -> None:
    whole = b"".join(PACK[one.place : one.place + one.length] for one in stretches)
    path = tmp_path_factory.getbasetemp() / "pack"
    path.write_bytes(PACK)
    extents = joined(stretches)

    assert (extents.size, extents.end) == (len(whole), max(whole, default=-1) + 1)
    part = list(extents.part(offset, length))
    assert all(left.place + left.length != right.place for left, right in pairwise(part))
    with path.open("rb") as file:
        assert read_part(file.fileno(), extents, offset, length) == whole[offset : offset + length]
        assert read_part(file.fileno(), None, offset, length) == PACK[offset : offset + length]


def test_a_pack_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(PACK)
    file = os.open(tmp_path / "pack", os.O_RDONLY)

    assert read_part(file, Extents((Extent(2**62, 5), Extent(98, 5))), 0, 10) == PACK[98:]
    os.close(file)


def test_members_that_follow_each_other_in_the_pack_are_one_extent() -> None:
    assert joined([Extent(0, 5), Extent(5, 5), Extent(20, 1), Extent(10, 5)]).row == (
        Extent(0, 10),
        Extent(20, 1),
        Extent(10, 5),
    )


@pytest.mark.parametrize(
    ("end", "held", "new", "room"),
    [
        (100, 98, 2, True),
        (148, 98, 2, True),
        (149, 98, 2, False),  # half as much again as the archive
        (100, 100, 300, True),  # it grew, and nothing of the pack is in vain
        (100, 30, 1, False),  # it shrank
        (100, 0, 100, False),  # all of it is another content
    ],
)
def test_a_pack_is_gone_on_with_while_it_is_short_beside_its_archive(end: int, held: int, new: int, room: bool) -> None:
    assert has_room(Extents((Extent(end - 10, 10), Extent(0, 90))), held, new) == room


def test_a_pack_of_too_many_pieces_is_not_gone_on_with() -> None:
    row = tuple(Extent(place, 1) for place in range(0, 2 * EXTENTS_MAX + 2, 2))

    assert not has_room(Extents(row), 3 * EXTENTS_MAX, 1)
    assert has_room(Extents(row[:-1]), 3 * EXTENTS_MAX, 1)
