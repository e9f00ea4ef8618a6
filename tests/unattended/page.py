"""The simulated year in docs/unattended.md, from what its test counted: `python -m tests.unattended.page TALLY`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.support.tally import Count, count
from tests.unattended.life import Life

PAGE = Path(__file__).parents[2] / "docs/unattended.md"
AREA = "a simulated year"
_TABLE = re.compile(r"(<!-- simulated year -->\n).*?(<!-- end -->)", re.DOTALL)


def tell(life: Life) -> None:
    """Put what a year's life counted into the tally, and print it."""
    for what, times in figures(life):
        print(f"{times:7,}  {what}")
        count(AREA, what, tried=times)


def figures(life: Life) -> Iterable[tuple[str, int]]:
    """What happened and how often, in the order in which it happens."""
    yield from life.counts.items()
    yield "messages of a change of state", len(life.messages)
    yield "pings of checks", len(life.expected.pings)


def table(counts: Iterable[Count]) -> str:
    """The figures of the year as a table, in the order in which they were counted."""
    found: Counter[str] = Counter()
    for each in counts:
        if each.area == AREA:
            found[each.fault] = each.tried
    return "| in the year | times |\n|---|---:|\n" + "".join(
        f"| {what} | {times:,} |\n" for what, times in found.items()
    )


def write(tally: Path, page: Path = PAGE) -> None:
    """Put the year's figures of a tally into the page; ValueError where the tally has none, or the page no place."""
    counts = [msgspec.json.decode(line, type=Count) for line in tally.read_bytes().splitlines()]
    if not any(each.area == AREA for each in counts):
        raise ValueError(f"{tally} counts no year: it was not run")
    text, places = _TABLE.subn(lambda found: f"{found[1]}{table(counts)}{found[2]}", page.read_text())
    if places != 1:
        raise ValueError(f"{page} has no place for the year")
    page.write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
