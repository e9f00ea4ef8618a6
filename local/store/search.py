"""Which days are read, in which order and until when, to find one point of each database among years of them.

A point's time is of its folder's UTC day or the day before or after it (`catalog.from_entries` sees to that), so once
one is found, only a neighbouring day can hold one that is nearer to what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date

from local.store.catalog import Point

# The points of these days and databases, in any order.
Read = Callable[[Sequence[date], Collection[str]], Iterable[Point]]
# The one of two points (of none and one) that is looked for; None where neither is.
Prefer = Callable[[Point | None, Point], Point | None]


def search(
    read: Read, databases: Collection[str], days: Sequence[date], at_first: int, prefer: Prefer
) -> dict[str, Point]:
    """The preferred point of each database that has one, of `days`, which are ordered from the likeliest on.

    The first `at_first` days are read whatever they hold; then twice as many at a time, for the databases that are not
    settled: what is years old is found in a few rounds, and a name that nobody stored costs one look at each day.
    """
    best: dict[str, Point] = {}
    for batch in _growing(days, at_first):
        unsettled = [name for name in databases if name not in best or _may_be_nearer(batch[0], best[name])]
        if not unsettled:
            break
        wanted = frozenset(unsettled)
        for point in read(batch, unsettled):
            if point.name in wanted:
                chosen = prefer(best.get(point.name), point)
                if chosen:
                    best[point.name] = chosen
    return best


def _may_be_nearer(day: date, found: Point) -> bool:
    """Whether a day that is further away than the point's own may still hold one that is preferred to it."""
    return abs((day - found.taken.date()).days) <= 1


def _growing(days: Sequence[date], at_first: int) -> Iterator[Sequence[date]]:
    begin, size = 0, max(at_first, 1)
    while begin < len(days):
        yield days[begin : begin + size]
        begin, size = begin + size, 2 if begin == 0 else size * 2
