"""Ctrl-C, SIGTERM and a hang-up: one line that says what is left, the exit code 130 (143, 129), within seconds.

The first signal raises Interrupted in the main thread, so that every context cleans up behind itself. Where that
takes too long, because a store accepts and stays silent or a database is locked, or where a second signal comes, a
thread that nothing can hold up does what was registered with `if_abandoned` and ends the process.
"""

from __future__ import annotations

import _thread
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import ClassVar, NoReturn

from local import clock

# A user may wait 5 s at most; the drill program here needs some of them to remove its files.
GRACE_SECONDS = 3.0
_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class Interrupted(BaseException):
    """The first signal; whoever catches it cleans up and raises it again.

    Invoke turns a KeyboardInterrupt into a bare exit code of 1, so this is none.
    """

    def __init__(self, number: int) -> None:
        super().__init__(_WORDS[signal.Signals(number)])
        self.number = number


class _Process:
    """What this process's end depends on."""

    left = ""
    stopped_by: int | None = None
    ending = _thread.allocate_lock()
    actions: ClassVar[list[Callable[[], object]]] = []


def install() -> None:
    """Hear the signals from now on; those that are ignored (nohup) stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    heard = [number for number in _WORDS if signal.getsignal(number) != signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # The number arrives there at once, also while the main thread is busy in a call that never returns.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # A thread of the lowest kind: the interpreter's end waits for none of these.
    _thread.start_new_thread(_watch, (reader, frozenset(heard)))
    for number in heard:
        signal.signal(number, _raise)
    sys.excepthook, sys.unraisablehook = _uncaught, _unraisable


def leaves(text: str) -> None:
    """From now on, what an interrupted run leaves behind, and what ends it, is `text`."""
    _Process.left = text


def check() -> None:
    """Raise Interrupted where a signal has come, although work goes on: it fell into a callback of a library, of SQLite
    for one, that lets nothing through. To be asked before what cannot be taken back, and never while cleaning up.
    """
    if _Process.stopped_by is not None:
        raise Interrupted(_Process.stopped_by)


@contextmanager
def if_abandoned(action: Callable[[], object]) -> Iterator[None]:
    """Have `action` done if the process is ended before this context could clean up by itself."""
    _Process.actions.append(action)
    try:
        yield
    finally:
        _Process.actions.remove(action)


def abandon(number: int) -> NoReturn:
    """Do what is registered, and end the process."""
    for action in reversed(_Process.actions):
        with suppress(Exception):
            action()
    end(number)


def end(number: int) -> NoReturn:
    """Tell it in one line and end the process at once; threads that still wait for somebody are not waited for."""
    _Process.ending.acquire()  # whoever comes second waits for the end that the first one makes
    left = f"; {_Process.left}" if _Process.left else ""
    stamp = "" if os.isatty(2) else f"{clock.timestamp(clock.now())} "
    with suppress(OSError):
        os.write(2, f"{stamp}{_WORDS[signal.Signals(number)]}{left}\n".encode())
    os._exit(128 + number)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Everything has cleaned up behind itself."""
    if not isinstance(error, Interrupted):
        return sys.__excepthook__(kind, error, trace)
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    end(error.number)


def _unraisable(told: sys.UnraisableHookArgs) -> None:
    """It came where nothing can be raised: in a destructor, or while the interpreter waits for its last threads."""
    if isinstance(told.exc_value, Interrupted):
        abandon(told.exc_value.number)
    sys.__unraisablehook__(told)


def _raise(number: int, _frame: FrameType | None) -> None:
    if _Process.stopped_by is None:
        _Process.stopped_by = number
        raise Interrupted(number)


def _watch(reader: int, heard: frozenset[int]) -> None:
    """Wait for a first signal, then for a second one or the end of the grace, and end the process."""
    first = _next(reader, heard, None)
    assert first
    _next(reader, heard, time.monotonic() + GRACE_SECONDS)
    abandon(first)


def _next(reader: int, heard: frozenset[int], deadline: float | None) -> int | None:
    """The number of the next signal that is heard; None if there is none before the deadline."""
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            return None
        (number,) = os.read(reader, 1)
        if number in heard:
            return number
