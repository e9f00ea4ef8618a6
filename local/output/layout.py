"""Where the words go on a screen of a given width: tables of which nothing is cut, and lines broken between words.

Pure: texts in, lines of text out. A width is in columns of the terminal, in which some letters take two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from local.output import shades

_GAP = "  "
_INDENT = "  "
_NUMBER = re.compile(r"[~+-]?[\d.,]+%?( (B|kB|MB|GB|s|min|h|d))?")
# What a person copies stays on one line as long as that has room for it.
_COPIED = re.compile(r"(?:invoke|rm) [^;,()→]*[^;,()→\s.:]|'[^']*'|.")
_MARKS = {"✓": "passed", "✗": "failed", "?": "not carried out", "–": "not begun"}


@dataclass(frozen=True)
class Piece:
    """A text and the name of its colour."""

    text: str
    colour: str = ""


Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Grid:
    """A table's cells by column, the first of which names the row.

    Where there is no room, the columns in `folding`, whose cells begin with a mark, become one of marks, and those in
    `spare` are left out, the last one first.
    """

    columns: tuple[tuple[str, ...], ...]
    folding: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()

    @staticmethod
    def of(headers: Sequence[str], rows: Sequence[Sequence[str]], folding: Sequence[str], spare: Sequence[str]) -> Grid:
        """Of rows as long as the headers; a column of empty cells is none."""
        columns = (tuple(column) for column in zip(headers, *rows, strict=True))
        kept = tuple(column for number, column in enumerate(columns) if number == 0 or any(column[1:]))
        return Grid(kept, tuple(folding), tuple(spare))

    @property
    def width(self) -> int:
        """With every column on one line."""
        return sum(map(_widest, self.columns)) + len(_GAP) * (len(self.columns) - 1)

    def folded(self) -> Grid:
        """The columns of marks as one."""
        steps = [column for column in self.columns if column[0] in self.folding]
        if not steps:
            return self
        marks = ("".join(cell[:1] for cell in cells) for cells in zip(*(step[1:] for step in steps), strict=True))
        first = self.columns.index(steps[0])
        others = tuple(column for column in self.columns if column not in steps)
        return replace(self, columns=(*others[:first], ("steps", *marks), *others[first:]))


def table(grid: Grid, width: int) -> list[Line]:
    """The table within the width; what has no room on a row's line stands beneath it, whole.

    A line is wider where a single word is.
    """
    notes: list[str] = []
    if grid.width > width and (folded := grid.folded()) != grid:
        notes.append(f"steps: {', '.join(grid.folding)}")
        notes.append("  ".join(f"{mark} {meaning}" for mark, meaning in _MARKS.items()))
        grid = folded
    left_out: list[str] = []
    for header in reversed(grid.spare):
        if grid.width > width and any(column[0] == header for column in grid.columns):
            grid = replace(grid, columns=tuple(column for column in grid.columns if column[0] != header))
            left_out.insert(0, header)
    if left_out:
        notes.append(f"no room here for {', '.join(left_out)}: see --json, or a wider terminal")
    lines = _rows(grid, width)
    return [*lines, *((Piece(text),) for note in notes for text in wrapped(note, width))]


def wrapped(text: str, width: int) -> list[str]:
    """The text's lines, broken between words, those after the first indented; a command or a word is never broken."""
    if _cells(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip())]
    lines, line = [], indent
    for word in _words(text[len(indent) :]):
        # What no line has room for is broken by the terminal, wherever it begins.
        fits_one = _cells(indent + _INDENT + word.lstrip()) <= width
        if line.strip() and fits_one and _last_row(line, width) + _cells(word) > width:
            lines.append(line)
            line, word = indent + _INDENT, word.lstrip()
        line += word
    return [*lines, line]


def _rows(grid: Grid, width: int) -> list[Line]:
    shown = _fitting(grid.columns, width)
    beneath = [column for column in grid.columns if column not in shown]
    widths = [_widest(column) for column in shown]
    right = [all(_NUMBER.fullmatch(cell) for cell in column[1:] if cell) for column in shown]
    lines: list[Line] = []
    for number, cells in enumerate(zip(*shown, strict=True)):
        padded = [_padded(*each) for each in zip(cells, widths, right, strict=True)]
        if number == 0:
            lines += [(Piece(_GAP.join(padded).rstrip()),), (Piece(_GAP.join("─" * each for each in widths)),)]
            continue
        lines.append(_line(padded))
        more = ", ".join(f"{column[0]} {column[number]}" for column in beneath if column[number])
        lines += [(Piece(text),) for text in wrapped(_INDENT + more, width)] if more else []
    return lines


def _fitting(columns: Sequence[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """Those that a line has room for, from the left; the first in any case."""
    fitting, used = [columns[0]], _widest(columns[0])
    for column in columns[1:]:
        if used + len(_GAP) + _widest(column) <= width:
            fitting.append(column)
            used += len(_GAP) + _widest(column)
    return fitting


def _line(cells: Sequence[str]) -> Line:
    """Each cell in its colour, every mark of a folded one in its own."""
    pieces: list[Piece] = []
    for cell in "\0".join(cells).rstrip(" \0").split("\0"):
        if pieces:
            pieces.append(Piece(_GAP))
        folded = set(cell.rstrip()) <= set(_MARKS)
        pieces += [Piece(each, shades.of_verdict(each)) for each in (cell if folded else (cell,))]
    return tuple(pieces)


def _widest(column: Sequence[str]) -> int:
    return max(map(_cells, column))


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _cells(cell))
    return space + cell if right else cell + space


def _words(text: str) -> list[str]:
    """Each with the spaces before it; what is to be copied is one of them."""
    glued = "".join(found.replace(" ", "\0") if len(found) > 1 else found for found in _COPIED.findall(text))
    return [word.replace("\0", " ") for word in re.findall(r" *[^ ]+", glued)]


def _last_row(line: str, width: int) -> int:
    """How much of the terminal's last row a line takes that it breaks by itself."""
    return (_cells(line) - 1) % width + 1 if line else 0


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
