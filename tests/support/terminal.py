"""What a person sees: on a pseudo-terminal of a chosen width, of a part here or of a whole process; and in a log."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import Thread

_LINES = 50
_STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (.*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def shown_on_terminal(columns: int, work: Callable[[], object]) -> str:
    """All that `work` writes to stdout while that is a terminal; rich asks COLUMNS for its width."""
    with _terminal(columns) as (slave, output), open(slave, "w", closefd=False) as stream, redirect_stdout(stream):
        work()
    return "".join(output)


def run_on_terminal(
    columns: int, command: Sequence[str], cwd: Path, environment: Mapping[str, str], typed: str = ""
) -> tuple[str, int]:
    """All that a process shows whose three standard streams are a terminal, and its exit code; `typed` waits there."""
    with _terminal(columns, typed) as (slave, output):
        done = subprocess.run(command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=dict(environment))
    return "".join(output), done.returncode


def without_colours(shown: str) -> list[str]:
    """The lines that were shown, as they read."""
    return _COLOUR.sub("", shown).splitlines()


def log_lines(text: str) -> list[str]:
    """The lines of a log without their timestamps, which each has."""
    found = [_STAMPED.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    return [match[1] for match in found if match]


def errors_told(text: str) -> str:
    """The errors in a log as a terminal shows them: without times, and what mends one in a line of its own."""
    return "".join(f"{line.replace(' → ', chr(10) + '→ ', 1)}\n" for line in log_lines(text))


@contextmanager
def _terminal(columns: int, typed: str = "") -> Iterator[tuple[int, list[str]]]:
    """The file descriptor of a terminal, and the pieces of what was written to it once the context has ended."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, columns, 0, 0))
    os.write(master, typed.encode())
    output: list[str] = []
    reader = Thread(target=lambda: output.append(_read_all(master)))
    reader.start()
    try:
        yield slave, output
    finally:
        termios.tcdrain(slave)  # macOS forgets what was not read before the last writer closes
        os.close(slave)
        reader.join()
        os.close(master)


def _read_all(master: int) -> str:
    content = bytearray()
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux's way to say that the last writer has closed it
            piece = b""
        if not piece:
            return content.decode()
        content += piece
