"""How far each subject of some work is, and the line that shows it within a width. Pure, but for what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local.events import Event
from local.output.layout import Line, Piece
from local.output.shades import of_verdict

MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?"}
# The columns of the bar and of the bytes, the first that leave the words enough.
_SHAPES = ((24, 17), (16, 17), (8, 17), (16, 0), (8, 0))
_TEXT_LEAST = 20
_UNITS = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("B", 1))


@dataclass
class Subject:
    """What was last said of a database or a VM; `began` and `ended` are seconds of one clock."""

    name: str
    began: float
    text: str = ""
    done: int = 0
    total: int = 0
    verdict: str = ""
    ended: float | None = None

    def hear(self, event: Event, text: str, now: float) -> None:
        """Take in an event; one without bytes leaves those that were told before."""
        self.text = text
        if event.total:
            self.done, self.total = min(event.done, event.total), event.total
        if event.verdict:
            self.verdict, self.ended = event.verdict, now
        elif self.verdict and not event.lasting:  # more work on it, as the drill of what was just stored
            self.verdict, self.began, self.ended, self.done, self.total = "", now, None, 0, 0

    def line(self, now: float, names_width: int, width: int) -> Line:
        """Its mark, name, bar, bytes, time and last words. The name is whole; what has no room is left out or cut."""
        from rich.cells import cell_len, set_cell_size

        name = self.name + " " * (names_width - cell_len(self.name))
        mark = MARKS.get(self.verdict, " ")
        time = f"{_clock((self.ended or now) - self.began):>7}  "
        if cell_len(f"{mark} {name}  {time}") + _TEXT_LEAST // 2 > width:
            time = ""
        left = width - cell_len(f"{mark} {name}  {time}")
        bar, wide = next((each for each in _SHAPES if left - 2 - sum(each) >= _TEXT_LEAST), (0, 0))
        amount = f"{_amount(self.done, self.total):>{wide - 2}}  " if wide else ""
        text = self._words()
        room = max(0, left - wide - (bar + 2 if bar else 0))
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1) + "…" if room > 1 else ""
        colour = of_verdict(self.verdict)
        head = (Piece(mark, colour), Piece(f" {name}  ", "bold"))
        return (*head, *self._bar(bar, colour), Piece(f"{amount}{time}"), Piece(text, colour))

    def _words(self) -> str:
        """What came of it stands first, in one word."""
        return self.text if not self.verdict or self.text.startswith(self.verdict) else f"{self.verdict}: {self.text}"

    def _bar(self, size: int, colour: str) -> tuple[Piece, ...]:
        if not size:
            return ()
        if not (self.total or self.verdict):
            return (Piece(" " * (size + 2)),)
        share = 1.0 if self.verdict == "passed" else self.done / self.total if self.total else 0.0
        full = int(share * size)
        return Piece("━" * full, colour or "cyan"), Piece("·" * (size - full) + "  ")


def frame(subjects: Sequence[Subject], now: float, width: int, height: int) -> list[Line]:
    """A line for each; where the screen is too low for all, those that are not done, and how many others there are."""
    from rich.cells import cell_len

    if not subjects:
        return []
    names = max(cell_len(subject.name) for subject in subjects)
    shown = list(subjects)
    if len(shown) > height:
        going = [subject for subject in shown if not subject.verdict]
        shown = (going or shown)[: max(1, height - 1)]
    lines = [subject.line(now, names, width) for subject in shown]
    hidden = len(subjects) - len(shown)
    return [*lines, (Piece(f"  and {hidden} more"),)] if hidden else lines


def _amount(done: int, total: int) -> str:
    """As 12.3/29.5 MB; nothing where the whole is not known."""
    unit, size = next(((unit, size) for unit, size in _UNITS if total >= size), ("B", 1))
    digits = 0 if size == 1 else 1
    return f"{done / size:.{digits}f}/{total / size:.{digits}f} {unit}" if total else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
