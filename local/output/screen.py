"""How work and results are shown: bars and tables on a terminal, timestamped lines in a log, one document as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, TypeVar, cast

import msgspec

from local import clock
from local.cloud.redact import scrub
from local.errors import PillarError
from local.events import Event, Watch
from local.output import outlet
from local.output.advice import Advice
from local.output.outlet import Outlet
from local.report import ErrorDocument, ErrorFound

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

T = TypeVar("T")

_REPORT_IT = "this is a bug: please report it, with what stderr says and: invoke version"
_ANY_WIDTH = 1_000_000  # rich measures what fits into a width
_COLOURS = {"passed": "green", "failed": "bold red", "inconclusive": "yellow", "ok": "green", "changed": "yellow"}


@dataclass
class Screen:
    """Where people read; with `json` the document has stdout for itself and people read stderr."""

    json: bool = False
    advise: Advice = field(default_factory=Advice)
    _quarters: dict[str, int] = field(default_factory=dict)
    _lasting: dict[Event, None] = field(default_factory=dict)
    _answered: bool = False
    shown: bool = False

    @property
    def stream(self) -> Outlet:
        """Where text for people goes: stdout, or stderr where stdout is for the JSON document alone."""
        return outlet.stderr if self.json else outlet.stdout

    @property
    def terminal(self) -> bool:
        """Whether a person watches, so that bars may move."""
        return self.stream.isatty()

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Show events as they come: a bar for each subject on a terminal, a line each in a log."""
        if not self.terminal:
            yield self._keeping(self._log)
            return
        from local.output.progress import bars

        with bars(self.stream) as watch:
            yield self._keeping(watch)

    def say(self, text: str, colour: str = "") -> None:
        """One line for people; "" is a blank line on a terminal and nothing in a log."""
        text = self.advise(text)
        if self.terminal and colour:
            self._console().print(printable(text), style=colour, markup=False, soft_wrap=True)
        else:
            self._line(text)

    def quote(self, text: str) -> None:
        """A line of a file, a program or the settings, as it stands there: no advice of ours."""
        self._line(text)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table where there is room for one, else a line for each row, as in a log.

        There is room on a terminal that takes every word whole: names, moments and paths are there to be copied.
        Cells are text as it is to be read; one that starts with a verdict has its colour. A row has as many as there
        are headers.
        """
        rows = [[self.advise(cell) for cell in row] for row in rows]
        if self.terminal:
            console = self._console()
            shown = _table(headers, rows)
            if console.measure(shown, options=console.options.update(width=_ANY_WIDTH)).minimum <= console.width:
                console.print(shown)
                return
        for row in rows:
            cells = (f"{header} {cell}" for header, cell in zip(headers[1:], row[1:], strict=True) if cell)
            verdict = next((colour for cell in row if (colour := _colour(cell))), "")
            self.say(f"{row[0]}: {', '.join(cells)}", verdict)

    def show(self, result: T, render: Callable[[Screen, T], None]) -> None:
        """The result as JSON, or as `render` shows it to people; below it what was said and is to last."""
        self.shown = True
        if self.json:
            self.document(result)
        else:
            render(self, result)
        for event in self._lasting:
            self.say(f"{event.subject}: {event.text}", "yellow")
        self._lasting.clear()

    def document(self, result: object) -> None:
        """The one JSON document on stdout."""
        self._answered = True
        outlet.stdout.write(self.advise.in_document(_encoded(result)) + "\n")

    def error(self, error: PillarError) -> None:
        """What prevented a result and what mends it, on stderr; its document is on stdout where documents are."""
        self._answer(ErrorFound(error.kind, error.doing, error.came_back, error.mend, error.exit_code))
        self.tell(error)

    def bug(self, error: Exception, doing: str) -> None:
        """An error that nobody foresaw: its document where documents are; its traceback is not shown here."""
        self._answer(ErrorFound("bug", doing, scrub(f"{type(error).__name__}: {error}"), _REPORT_IT, 1))

    def tell(self, error: PillarError) -> None:
        """What went wrong beside the result, which comes all the same, and what mends it: on stderr alone."""
        for mark, text in (("✗", str(error)), ("→", self.advise(error.mend))):
            if text:
                outlet.stderr.write(f"{mark} {printable(text)}\n")

    def _answer(self, found: ErrorFound) -> None:
        """The error's document, unless the command's own is there already: stdout holds one, whatever comes after."""
        if self.json and not self._answered:
            self.document(ErrorDocument(found))

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=cast("IO[str]", self.stream), highlight=False)

    def _keeping(self, watch: Watch) -> Watch:
        def keep(event: Event) -> None:
            if event.lasting:
                self._lasting[event] = None
            watch(event)

        return keep

    def _log(self, event: Event) -> None:
        text = event.text
        if event.total is not None:
            quarter = 4 * event.done // max(event.total, 1)
            if self._quarters.get(event.subject, 0) == quarter or quarter == 0:
                return
            self._quarters[event.subject] = quarter
            text = f"{event.text} {25 * quarter} %"
        self._line(f"{event.subject}: {self.advise(text)}")

    def _line(self, text: str) -> None:
        if not text and not self.terminal:
            return
        stamp = "" if self.terminal else f"{clock.timestamp(clock.now())} "
        self.stream.write(f"{stamp}{printable(text)}\n")


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table whose columns are never narrower than their longest word."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table
    from rich.text import Text

    columns = (
        Column(header, min_width=max(map(_longest_word, cells)))
        for header, *cells in zip(headers, headers, *rows, strict=True)
    )
    shown = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text(printable(cell), style=_colour(cell)) for cell in row))
    return shown


def _longest_word(text: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for word in printable(text).split()), default=1)


def _colour(cell: str) -> str:
    return _COLOURS.get(cell.partition(" ")[0], "")


def _encoded(result: object) -> str:
    """As JSON; what is no Unicode (a path of other bytes) is escaped."""
    try:
        return msgspec.json.encode(result).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(result))


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
