"""What a part of the benchmark found, as tables of text; and how figures are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The head of a column of bars that only a database of this size is held to.
BAR_AT_1GB = "bar at 1 GB"


@dataclass(frozen=True)
class Table:
    """A title, a line on how it was measured, and rows of text under a head."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Speedup:
    """For the plot: how many times faster than what was before, and how many times it should be."""

    label: str
    ratio: float
    bar: float | None


@dataclass(frozen=True)
class Spread:
    """For the plot: the share of rows changed at random, and the share of the archive that was sent for it."""

    changed: float
    sent: float


@dataclass(frozen=True)
class Found:
    """All that one part found."""

    tables: tuple[Table, ...]
    speedups: tuple[Speedup, ...] = ()
    spreads: tuple[Spread, ...] = ()


def markdown(table: Table, cores: int) -> str:
    """The table in Markdown, its columns padded so that it also reads in a terminal, and how many cores it had."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]
    rule = tuple("-" * widths[0] if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths))
    text = "\n".join(_line(line, widths) for line in (table.head, rule, *table.rows))
    return f"## {table.title}\n\n{text}\n\n{table.note} Cores: {cores}.\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cells[0].ljust(widths[0])]
    padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |"


def seconds(value: float) -> str:
    """2.31 s, 85.2 s."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def spread(values: Sequence[float]) -> str:
    """From the least to the most of some seconds: 2.31 to 3.02 s."""
    return f"{seconds(min(values)).removesuffix(' s')} to {seconds(max(values))}"


def milliseconds(value: float) -> str:
    """Of seconds: 0.41 ms."""
    return f"{value * 1000:.2f} ms"


def times(value: float) -> str:
    """A ratio: 12.3 x."""
    return f"{value:.2f} x" if value < 10 else f"{value:.1f} x"


def share(value: float) -> str:
    """A ratio as a percentage, small ones with more digits."""
    percent = value * 100
    return f"{percent:.1f} %" if percent >= 10 else f"{percent:.2f} %" if percent >= 0.1 else f"{percent:.4f} %"


def size(value: float) -> str:
    """Bytes, decimal: 12.3 MB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{value / factor:.2f} {unit}" if value < 100 * factor else f"{value / factor:.0f} {unit}"
    return f"{value:.0f} B"


def counted(count: int, what: str) -> str:
    """1 round, 3 rounds."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def at_least(value: float, bar: float) -> str:
    """A bar that the value should reach."""
    return f">= {bar:g} x: {'met' if value >= bar else 'MISSED'}"


def at_most(value: float, bar: float, unit: str = "x") -> str:
    """A bar that the value should not pass; shares are given in percent."""
    shown = bar * 100 if unit == "%" else bar
    return f"<= {shown:g} {unit}: {'met' if value <= bar else 'MISSED'}".replace(" :", ":")
