"""Several listings read at the same time, and told in their order, in memory that does not grow with their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

from local.waiting import settled

# As many as a store holds connections open.
AT_ONCE = 8
# What is held of a listing while another one is told.
_AHEAD = 500

T = TypeVar("T")


def side_by_side(listings: Iterable[Iterable[T]], at_once: int = AT_ONCE) -> Iterator[T]:
    """What the listings give, the first one's first, while the next ones are under way; raises what one of them raises.

    At most `at_once` are under way, and of each at most 500 items wait to be told.
    """
    to_come = iter(listings)
    first = list(islice(to_come, 2))
    if len(first) < 2:
        yield from chain.from_iterable(first)
        return
    with ThreadPoolExecutor(at_once, "listing") as pool:
        waiting = map(iter, chain(first, to_come))
        under_way: deque[tuple[Iterator[T], Future[list[T]]]] = deque()

        def go_on(listing: Iterator[T]) -> tuple[Iterator[T], Future[list[T]]]:
            return listing, pool.submit(lambda: list(islice(listing, _AHEAD)))

        under_way.extend(map(go_on, islice(waiting, at_once)))
        while under_way:
            listing, coming = under_way.popleft()
            settled([coming])
            items = coming.result()
            if len(items) == _AHEAD:
                under_way.appendleft(go_on(listing))
            else:
                under_way.extend(map(go_on, islice(waiting, 1)))
            yield from items
