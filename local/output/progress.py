"""Progress bars on a terminal: the lines of `bar_lines`, drawn over those that were drawn before."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from local.events import Event, Watch
from local.interrupt import if_abandoned
from local.output.bar_lines import Subject, frame
from local.output.layout import Line
from local.output.outlet import Outlet

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_UP, _ERASE_BELOW = "\x1b[{}A", "\r\x1b[J"
_FRAME_SECONDS = 0.1
# What paints text for a terminal: a line's colours as its control characters.
Paint = Callable[[Line], str]
Size = Callable[[], tuple[int, int]]


@contextmanager
def bars(stream: Outlet, paint: Paint, size: Size, clean: Callable[[str], str]) -> Iterator[Watch]:
    """Bars until the context ends; they stay on the screen.

    `size` tells the terminal's columns and lines, which may change meanwhile; `clean` makes texts printable.
    """
    drawing = _Drawing(stream, paint, size, clean)
    ended = threading.Event()
    thread = threading.Thread(target=drawing.keep_up, args=(ended,), daemon=True)
    with if_abandoned(partial(_show_cursor, stream)):
        stream.write(_HIDE_CURSOR)
        thread.start()
        try:
            yield drawing.hear
        finally:
            ended.set()
            thread.join()
            drawing.draw(last=True)
            stream.write(_SHOW_CURSOR)


class _Drawing:
    """The subjects, and what of them stands on the screen."""

    def __init__(self, stream: Outlet, paint: Paint, size: Size, clean: Callable[[str], str]) -> None:
        self.stream, self.paint, self.size, self.clean = stream, paint, size, clean
        self.subjects: dict[str, Subject] = {}
        self.lock = threading.Lock()
        self.shown = (0, "")
        self.drawn: list[int] = []

    def hear(self, event: Event) -> None:
        """Take in an event; it shows with the next frame."""
        now = time.monotonic()
        with self.lock:
            subject = self.subjects.setdefault(event.subject, Subject(self.clean(event.subject), now))
            subject.hear(event, self.clean(event.text), now)

    def keep_up(self, ended: threading.Event) -> None:
        """Draw a frame again and again until it has ended."""
        while not ended.wait(_FRAME_SECONDS):
            self.draw()

    def draw(self, *, last: bool = False) -> None:
        """One frame in the place of the former one, in a single write; the last has a line for every subject."""
        columns, rows = self.size()
        with self.lock:
            subjects = list(self.subjects.values())
            height = len(subjects) if last else max(1, rows - 2)
            lines = frame(subjects, time.monotonic(), columns, height)
        up = _rows(self.drawn, columns)
        back = _UP.format(up) if up else ""
        text = "".join(f"{self.paint(line)}\n" for line in lines)
        if (columns, text) != self.shown:
            self.stream.write(f"{back}{_ERASE_BELOW}{text}")
            self.shown, self.drawn = (columns, text), [_width(line) for line in lines]


def _rows(widths: Sequence[int], columns: int) -> int:
    """The rows that lines take on a terminal which has become narrower than they are: it breaks them anew."""
    return sum(max(1, -(-width // columns)) for width in widths)


def _width(line: Line) -> int:
    from rich.cells import cell_len

    return cell_len("".join(piece.text for piece in line).rstrip())


def _show_cursor(stream: Outlet) -> None:
    """Without waiting for anybody: the process is being ended, and its terminal may be stopped."""
    with suppress(OSError, ValueError):
        if select.select([], [stream.fileno()], [], 0)[1]:
            stream.write(_SHOW_CURSOR)
