"""Listings that are read at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from local.store.side_by_side import AT_ONCE, side_by_side


@pytest.mark.parametrize("sizes", [(), (3,), (0,), (0, 2), (2, 0, 0, 1), (500, 501, 1499), (1,) * 40])
def test_everything_comes_once_and_in_order(sizes: tuple[int, ...]) -> None:
    listings = [[(number, item) for item in range(size)] for number, size in enumerate(sizes)]

    assert list(side_by_side(iter(listings))) == [item for listing in listings for item in listing]


def test_the_next_listings_are_under_way_while_the_first_is_waited_for() -> None:
    others_began = threading.Barrier(AT_ONCE, timeout=30)

    def listing(number: int) -> Iterator[int]:
        others_began.wait()
        yield number

    assert list(side_by_side(map(listing, range(AT_ONCE)))) == list(range(AT_ONCE))


def test_of_endless_listings_only_some_items_are_read_ahead() -> None:
    read = [0] * 100

    def endless(number: int) -> Iterator[int]:
        while True:
            read[number] += 1
            yield number

    told = side_by_side((endless(number) for number in range(100)), at_once=3)
    for _ in range(2000):
        assert next(told) == 0
    told.close()  # type: ignore[attr-defined]

    assert read[3:] == [0] * 97
    assert read[0] <= 2500
    assert read[1] == read[2] == 500


def test_an_error_of_any_of_them_ends_it_once_what_comes_before_was_told() -> None:
    def failing() -> Iterator[str]:
        yield "lost with its page"
        raise OSError("away")

    told = side_by_side([["first"], failing(), ["third"]])

    assert next(told) == "first"
    with pytest.raises(OSError, match="away"):
        next(told)
