"""The process's two output streams, written so that showing never stops the work that is shown.

A disk may be full behind a log, a reader of a pipe may leave, a terminal may be gone. The first such trouble is told on
stderr (a reader who left wanted no more: that is not told), and what can be written later is.
"""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TextIO

from local import clock
from local.output import signs

StreamName = Literal["stdout", "stderr"]
STREAMS: tuple[StreamName, ...] = ("stdout", "stderr")
# Both may be one pipe. Whoever was held up in a write must not hold up the end of the process.
_ONE_AT_A_TIME = threading.Lock()
_PATIENCE_SECONDS = 5.0


class Outlet:
    """One of the two streams, as whatever `sys` holds under its name when it is written to; no call raises.

    It has what rich asks of a file.
    """

    def __init__(self, name: StreamName) -> None:
        self.name: StreamName = name
        self._told = False

    @property
    def encoding(self) -> str:
        """The stream's."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether a person watches."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # it was closed
            return False

    def fileno(self) -> int:
        """The stream's descriptor, or OSError as any stream without one says."""
        if self._stream is None:
            raise OSError(f"{self.name} is closed")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write and flush, in one piece whichever thread writes; what the stream's encoding lacks is escaped."""
        stream = self._stream
        if stream is not None:
            shown = signs.plain(text) if self.isatty() and signs.are_foreign(os.environ) else text
            try:
                with _one_at_a_time():
                    _put(stream, signs.encoded(shown, self.encoding), self.encoding)
            except (OSError, ValueError) as error:
                self._tell(error)
        return len(text)

    def line(self, text: str) -> None:
        """One line, which in a log has its time; `text` is printable."""
        stamp = "" if self.isatty() else f"{clock.timestamp(clock.now())} "
        self.write(f"{stamp}{text}\n")

    def flush(self) -> None:
        """Nothing is left to do: every write is flushed."""

    def close(self) -> None:
        """Flush for the last time, where the interpreter itself would complain; what cannot be written is let go."""
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._tell(error)
            _discard(self._stream)

    def is_unread(self) -> bool:
        """Whether this is a pipe whose reader is gone."""
        poll = select.poll()
        try:
            poll.register(self.fileno(), 0)
        except (OSError, ValueError):
            return False
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

    @property
    def _stream(self) -> TextIO | None:
        """None where it was closed before the start."""
        stream: TextIO | None = getattr(sys, self.name)
        return stream

    def _tell(self, error: Exception) -> None:
        if self._told or isinstance(error, BrokenPipeError):
            return
        self._told = True
        if self.name == "stdout":
            reason = getattr(error, "strerror", None) or str(error)
            stderr.line(f"✗ stdout: cannot be written: {reason}; the work goes on and its exit code holds")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    held = _ONE_AT_A_TIME.acquire(timeout=_PATIENCE_SECONDS)
    try:
        yield
    finally:
        if held:
            _ONE_AT_A_TIME.release()


def _put(stream: TextIO, content: bytes, encoding: str) -> None:
    """All of it, behind what the stream still holds; a line that fits the pipe arrives whole among other processes'."""
    stream.flush()
    try:
        number = stream.fileno()
    except io.UnsupportedOperation:  # a stream in memory
        stream.write(content.decode(encoding))
        return
    while content:
        try:
            content = content[os.write(number, content) :]
        except BlockingIOError:  # whoever shares the terminal made it so
            select.select([], [number], [])


def _discard(stream: TextIO) -> None:
    """Let what the stream still holds go nowhere, so that the interpreter's own last flush has nothing to say."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


stdout = Outlet("stdout")
stderr = Outlet("stderr")


def close_all() -> None:
    """The last flush of both."""
    for outlet in (stdout, stderr):
        outlet.close()
