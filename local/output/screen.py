"""How work and results are shown: bars and tables on a terminal, timestamped lines in a log, one document as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

import msgspec

from local import clock
from local.errors import PillarError
from local.events import Event, Watch

T = TypeVar("T")

_COLOURS = {"passed": "green", "failed": "bold red", "inconclusive": "yellow", "ok": "green", "changed": "yellow"}


@dataclass
class Screen:
    """Where people read; with `json` the document has stdout for itself and people read stderr."""

    json: bool = False
    _quarters: dict[str, int] = field(default_factory=dict)

    @property
    def stream(self) -> TextIO:
        """Where text for people goes: stdout, or stderr where stdout is for the JSON document alone."""
        return sys.stderr if self.json else sys.stdout

    @property
    def terminal(self) -> bool:
        """Whether a person watches, so that bars may move."""
        return self.stream.isatty()

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Show events as they come: a bar for each subject on a terminal, a line each in a log."""
        if not self.terminal:
            yield self._log
            return
        from local.output.progress import bars

        with bars(self.stream) as watch:
            yield watch

    def say(self, text: str, colour: str = "") -> None:
        """One line for people; "" is a blank line on a terminal and nothing in a log."""
        if self.terminal and colour:
            from rich.console import Console

            Console(file=self.stream, highlight=False).print(
                printable(text), style=colour, markup=False, soft_wrap=True
            )
        else:
            self._line(text)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on a terminal, where a cell that starts with a verdict has its colour; in a log a line for each row.

        Cells are text as it is to be read; a row has as many as there are headers.
        """
        if not self.terminal:
            for row in rows:
                cells = (f"{header} {cell}" for header, cell in zip(headers[1:], row[1:], strict=True) if cell)
                self._line(f"{row[0]}: {', '.join(cells)}")
            return
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Column, Table
        from rich.text import Text

        columns = [Column(header, overflow="fold") for header in headers]  # where it is narrow nothing is cut off
        shown = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            shown.add_row(*(Text(printable(cell), style=_COLOURS.get(cell.partition(" ")[0], "")) for cell in row))
        Console(file=self.stream).print(shown)

    def show(self, result: T, render: Callable[[Screen, T], None]) -> None:
        """The result as JSON, or as `render` shows it to people."""
        if self.json:
            self.document(result)
        else:
            render(self, result)

    def document(self, result: object) -> None:
        """The one JSON document on stdout."""
        print(msgspec.json.encode(result).decode())

    def error(self, error: PillarError) -> None:
        """What went wrong and what mends it, on stderr."""
        for text in filter(None, (str(error), error.mend)):
            print(f"{'→' if text == error.mend else '✗'} {printable(text)}", file=sys.stderr, flush=True)

    def _log(self, event: Event) -> None:
        text = event.text
        if event.total is not None:
            quarter = 4 * event.done // max(event.total, 1)
            if self._quarters.get(event.subject, 0) == quarter or quarter == 0:
                return
            self._quarters[event.subject] = quarter
            text = f"{event.text} {25 * quarter} %"
        self._line(f"{event.subject}: {text}")

    def _line(self, text: str) -> None:
        if not text and not self.terminal:
            return
        stamp = "" if self.terminal else f"{clock.timestamp(clock.now())} "
        # One write: threads tell their events at the same time, and print would write the end of the line by itself.
        self.stream.write(f"{stamp}{printable(text)}\n")
        self.stream.flush()


def printable(text: str) -> str:
    """Text from a blob or a database without what could steer a terminal."""
    return "".join(
        character if character.isprintable() or character == " " else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def size(count: int | None) -> str:
    """Bytes for people, in powers of 1000 as Azure's portal counts."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def age(seconds: float) -> str:
    """How long ago, in the largest unit that tells enough."""
    if seconds < 0:
        return "in the future"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
