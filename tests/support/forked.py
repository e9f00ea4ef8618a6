"""Work in a process of its own that can be killed in the middle of it, without a new interpreter."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def forked(work: Callable[[Callable[[], None]], object]) -> Iterator[int]:
    """A process that does `work`, once that has called what it is given; its exit code is 1 where an error ended it."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        status = 1
        with suppress(BaseException):
            work(lambda: os.close(writer))
            status = 0
        os._exit(status)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def ended(process: int) -> int:
    """The process's exit code, minus the signal that ended it; waited for."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
