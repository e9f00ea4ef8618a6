"""A log is whole lines, whoever writes at the same time; what a stream cannot take stops nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.output import signs
from tests.support.terminal import log_lines
from tests.support.workshop import CHECKOUT

THREADS, PROCESSES, LINES = 8, 3, 60
# Each thread has a letter; a line is long enough that two of them, glued or cut, are seen.
MANY = f"""
import sys, threading
from local.errors import StoreError
from local.events import Event
from local.output.screen import Screen
screen, name = Screen(), sys.argv[1]
def tell(letter, watch):
    for number in range({LINES}):
        watch(Event(f"{{name}}{{letter}}", f"{{number}} {{letter * 300}}"))
        if number % 20 == 0:
            screen.tell(StoreError(f"{{name}}{{letter}}", letter * 300, "mend it"))
with screen.watching() as watch:
    threads = [threading.Thread(target=tell, args=(letter, watch)) for letter in "abcdefgh"[:{THREADS}]]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_lines_of_many_threads_and_processes_are_whole(kind: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as file:
        reader, writer = os.pipe()
        out = writer if kind == "pipe" else file.fileno()
        command = [sys.executable, "-c", MANY]
        started = [
            subprocess.Popen([*command, f"p{number}"], stdout=out, stderr=out, cwd=CHECKOUT)
            for number in range(PROCESSES)
        ]
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            told = pipe.read()
        assert [process.wait() for process in started] == [0] * PROCESSES
    text = (told if kind == "pipe" else log.read_bytes()).decode()

    lines = log_lines(text)
    expected = {
        line
        for process in range(PROCESSES)
        for letter in "abcdefgh"[:THREADS]
        for line in (
            *(f"p{process}{letter}: {number} {letter * 300}" for number in range(LINES)),
            f"✗ p{process}{letter}: {letter * 300} → mend it",
        )
    }
    assert set(lines) == expected
    assert len(lines) == PROCESSES * THREADS * (LINES + LINES // 20)


def test_a_line_longer_than_a_full_pipe_that_does_not_block_arrives_whole() -> None:
    program = (
        "import os; os.set_blocking(1, False)\nfrom local.output.screen import Screen\nScreen().say('x' * 300_000)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=CHECKOUT)

    assert log_lines(done.stdout) == ["x" * 300_000]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "✓ – → møte \\udc80"),
        ("latin-1", "+ - -> møte \\udc80"),
        ("ascii", "+ - -> m\\xf8te \\udc80"),
    ],
)
def test_what_an_encoding_lacks_is_ascii_or_escaped(encoding: str, shown: str) -> None:
    assert signs.encoded("✓ – → møte \udc80", encoding).decode(encoding) == shown


@pytest.mark.parametrize(
    ("environment", "foreign"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, True),
    ],
)
def test_a_locale_of_ascii_is_known_by_its_name(environment: dict[str, str], foreign: bool) -> None:
    assert signs.are_foreign(environment) is foreign
