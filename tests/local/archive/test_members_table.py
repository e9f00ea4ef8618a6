"""The table of members as text: whole, or nothing."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from local.archive import members_table
from local.archive.gzip_member import LEVELS, Member
from local.archive.heat import carried

MEMBERS = st.builds(
    lambda changes, *sizes: carried(Member(*sizes), changes),
    st.integers(0, 255),
    st.integers(1, 1 << 20),
    st.integers(1, 1 << 20),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
    st.sampled_from(LEVELS),
)


@given(st.lists(MEMBERS, max_size=40))
def test_what_was_written_is_read_back(members: list[Member]) -> None:
    raw, packed = (sum(sizes) for sizes in zip(*[member[:2] for member in members], strict=True)) if members else (0, 0)

    assert members_table.decode(members_table.encode(members), raw, packed) == tuple(members)


@given(st.lists(MEMBERS, min_size=1, max_size=5), st.integers(-2, 2), st.integers(-2, 2))
def test_a_table_of_another_archive_is_none(members: list[Member], more_raw: int, more_packed: int) -> None:
    raw, packed = (sum(sizes) for sizes in zip(*[member[:2] for member in members], strict=True))

    found = members_table.decode(members_table.encode(members), raw + more_raw, packed + more_packed)

    assert bool(found) == (more_raw == more_packed == 0)


@given(st.lists(MEMBERS, min_size=1, max_size=5), st.integers(0, 10**6), st.binary(max_size=40))
def test_a_table_that_was_cut_short_or_has_more_is_none_or_a_whole_one(
    members: list[Member], cut: int, more: bytes
) -> None:
    raw, packed = (sum(sizes) for sizes in zip(*[member[:2] for member in members], strict=True))
    table = base64.b64decode(members_table.encode(members))

    for hostile in (table[: cut % len(table)], table + b"!" + more, more + table, more):
        found = members_table.decode(base64.b64encode(hostile).decode(), raw, packed)

        assert found == () or sum(member.raw_bytes for member in found) == raw


def test_a_table_of_more_members_than_there_can_be_is_none() -> None:
    assert members_table.decode(base64.b64encode(b"\xff\xff\xff\xff" + bytes(1000)).decode(), 1, 1) == ()


def test_a_level_that_no_member_of_ours_has_is_none() -> None:
    member = Member(1, 1, 0, bytes(16))

    assert members_table.decode(members_table.encode([member]), 1, 1) == (member,)
    assert members_table.decode(members_table.encode([member._replace(level=12)]), 1, 1) == ()


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text())))
def test_whatever_else_stands_there_is_none(text: object) -> None:
    assert members_table.decode(text, 1, 1) == ()
