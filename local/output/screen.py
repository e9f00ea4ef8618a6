"""How work and results are shown: bars and tables on a terminal, timestamped lines in a log, one document as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, TypeVar, cast

import msgspec

from local.cloud.redact import scrub
from local.errors import PillarError
from local.events import Event, Watch
from local.output import layout, outlet
from local.output.advice import Advice
from local.output.layout import Grid, Line, Piece
from local.output.outlet import Outlet
from local.output.shades import shade
from local.report import ErrorDocument, ErrorFound

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

_REPORT_IT = "this is a bug: please report it, with what stderr says and: invoke version"


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
        """Show events as they come: a bar for each subject where one can move, else a line each."""
        if not self.terminal or (console := self._console()).is_dumb_terminal:
            yield self._keeping(self._log)
            return
        from local.output.progress import bars

        with bars(self.stream, partial(_painted, console), lambda: console.size, printable) as watch:
            yield self._keeping(watch)

    def say(self, text: str, colour: str = "", *, advised: bool = True) -> None:
        """One line for people, on a terminal broken between words; "" is a blank line there and nothing in a log.

        Where it advises nothing, but tells of the settings themselves, it is not to be `advised`.
        """
        text = self.advise(text) if advised else text
        if not self.terminal:
            if text:
                self.stream.line(printable(text))
            return
        console = self._console()
        self._paint(console, [(Piece(line, colour),) for line in layout.wrapped(printable(text), console.width)])

    def quote(self, text: str, colour: str = "") -> None:
        """One line that is to be copied as it is, or another program's: the terminal itself breaks it.

        No advice of ours is looked for in it.
        """
        if self.terminal:
            self._paint(self._console(), [(Piece(printable(text), colour),)])
        else:
            self.stream.line(printable(text))

    def table(
        self,
        headers: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        folding: Sequence[str] = (),
        spare: Sequence[str] = (),
    ) -> None:
        """A table on a terminal, of which nothing is cut, in a log a line for each row.

        Cells are text as it is to be read; one that starts with a verdict has its colour. A row has as many as there
        are headers. `folding` and `spare` are those of a Grid.
        """
        rows = [[self.advise(cell) for cell in row] for row in rows]
        if not rows:
            return
        if not self.terminal:
            for row in rows:
                cells = (f"{header} {cell}" for header, cell in zip(headers[1:], row[1:], strict=True) if cell)
                self.stream.line(printable(f"{row[0]}: {', '.join(cells)}"))
            return
        console = self._console()
        grid = Grid.of(headers, [tuple(map(printable, row)) for row in rows], folding, spare)
        self._paint(console, [(), *layout.table(grid, console.width), ()])

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
        """What went wrong beside the result, which comes all the same, and what mends it: on stderr alone.

        Two lines on a terminal, where the second is to be copied; one in a log.
        """
        told, mend = f"✗ {printable(str(error))}", f"→ {printable(self.advise(error.mend))}" if error.mend else ""
        lines = [told, mend] if outlet.stderr.isatty() else [f"{told} {mend}".rstrip()]
        for line in filter(None, lines):
            outlet.stderr.line(line)

    def _answer(self, found: ErrorFound) -> None:
        """The error's document, unless the command's own is there already: stdout holds one, whatever comes after."""
        if self.json and not self._answered:
            self.document(ErrorDocument(found))

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=cast("IO[str]", self.stream), highlight=False)

    def _paint(self, console: Console, lines: Sequence[Line]) -> None:
        self.stream.write("".join(f"{_painted(console, line)}\n" for line in lines))

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
        self.say(f"{event.subject}: {text}")


def _painted(console: Console, line: Line) -> str:
    """The line with the control characters of its colours, as far as the terminal has them and a person wants them."""
    from rich.text import Text

    text = Text.assemble(*((piece.text, shade(piece.colour, console.color_system)) for piece in line))
    with console.capture() as captured:
        console.print(text, soft_wrap=True, end="")
    return captured.get()


def _encoded(result: object) -> str:
    """As JSON; what is no Unicode (a path of other bytes) is escaped."""
    try:
        return msgspec.json.encode(result).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(result))


def printable(text: str) -> str:
    """Text from a blob or a database in one line, without what could steer a terminal: that is escaped, as in \\n."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
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
