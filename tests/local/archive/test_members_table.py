"""The table of members as text: whole, or nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.archive import members_table
from local.archive.gzip_member import Member

MEMBERS = st.builds(
    Member,
    st.integers(1, 1 << 20),
    st.integers(1, 1 << 20),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
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


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text())))
def test_whatever_else_stands_there_is_none(text: object) -> None:
    assert members_table.decode(text, 1, 1) == ()
