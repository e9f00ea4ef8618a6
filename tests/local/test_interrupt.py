"""Ctrl-C and SIGTERM at any moment, whatever holds the work up: one line, the exit code, and nothing left behind.

A process that would have to be waited for much longer than the promised 5 s ends these tests with a time-out.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import IO

import pytest

from local.settings import StoreSettings
from remote.machine import LIMITS
from tests.support.azurite import KEY
from tests.support.crossed import crossed
from tests.support.terminal import log_lines
from tests.support.workshop import CHECKOUT, Workshop

MUCH_LONGER_SECONDS = 20
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
BACKUP_LEAVES = (
    "each database and volume has its newest backup or the one of before; the next invoke backup completes the rest"
)

# Interrupts itself in the middle of the import of a module, then goes on as `invoke` does.
INTERRUPTED_IMPORT = """
import os, signal, sys
module, number, sys.argv = sys.argv[1], int(sys.argv[2]), ["invoke", *sys.argv[3:]]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
from invoke.main import program
program.run()
"""


class SilentServer:
    """A store that accepts a connection and never says a word; `asked` is set when the first request is there."""

    def __init__(self) -> None:
        self.asked = Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._connections: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    @property
    def settings(self) -> StoreSettings:
        return StoreSettings(url=f"http://127.0.0.1:{self._listener.getsockname()[1]}/devstoreaccount1/backups")

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            if connection.recv(1):
                self.asked.set()

    def close(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.close()


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Workshop, SilentServer]]:
    """An installation whose store accepts and stays silent."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    with closing(SilentServer()) as server:
        yield Workshop(tmp_path, server.settings), server


@contextmanager
def running(command: list[str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command at work, with a folder for temporary files of its own."""
    environment = {**os.environ, "TMPDIR": str(own_folder(tmp_path))}
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def own_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir(exist_ok=True)
    return folder


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what was told on stderr."""
    _, told = process.communicate(timeout=MUCH_LONGER_SECONDS)
    return process.returncode, told


@pytest.mark.parametrize(
    ("command", "number", "left"),
    [
        ("backup", signal.SIGINT, BACKUP_LEAVES),
        ("backup", signal.SIGTERM, BACKUP_LEAVES),
        ("backup --check", signal.SIGHUP, "nothing was changed"),
        ("backup.list --json", signal.SIGINT, "nothing was changed"),
        ("drill.local", signal.SIGTERM, "nothing was proven; its temporary files are removed"),
    ],
)
def test_a_store_that_accepts_and_stays_silent_holds_nobody_up(
    command: str, number: signal.Signals, left: str, silent: tuple[Workshop, SilentServer], tmp_path: Path
) -> None:
    workshop, server = silent
    workshop.add("costs")
    workshop.add("hivemind")

    with running(workshop.command(*command.split()), tmp_path) as process:
        server.asked.wait()
        process.send_signal(number)
        written, told = process.communicate(timeout=MUCH_LONGER_SECONDS)
        code = process.returncode

    # Where stdout is for the document, the first line says on stderr whose settings are in force.
    assert (code, log_lines(told)[-1]) == (128 + number, f"{WORDS[number]}; {left}")
    assert written == "" or "--json" not in command, "no document, since there is no result"
    assert_nothing_temporary(tmp_path)


def test_a_locked_database_holds_nobody_up(folder_workshop: Workshop, tmp_path: Path) -> None:
    path = folder_workshop.add("costs")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=delete")
        other.execute("BEGIN EXCLUSIVE")
        with running(folder_workshop.command("backup"), tmp_path) as process:
            assert process.stdout
            read_lines(process.stdout, 2)
            process.send_signal(signal.SIGINT)
            code, told = ended(process)

    assert (code, log_lines(told)) == (130, [f"interrupted; {BACKUP_LEAVES}"])
    assert folder_workshop.names() == []
    assert_nothing_temporary(tmp_path)


def test_a_second_signal_waits_for_nothing(silent: tuple[Workshop, SilentServer], tmp_path: Path) -> None:
    workshop, server = silent
    workshop.add("costs")

    with running(workshop.command("backup"), tmp_path) as process:
        server.asked.wait()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        code, told = ended(process)

    assert code in (130, 143)
    assert told.count("\n") == 1
    assert_nothing_temporary(tmp_path)


@pytest.mark.parametrize(
    ("module", "number"),
    crossed(
        [
            "msgspec",
            "local.settings",
            "local.backup.tasks",
            "remote.tasks",
            "local.drill.run",
            "local.store.open",
            "concurrent.futures.thread",
            "sqlite3",
            "certifi",
        ],
        [signal.SIGINT, signal.SIGTERM],
    ),
)
def test_an_import_that_is_interrupted_ends_in_one_line(
    module: str, number: signal.Signals, folder_workshop: Workshop
) -> None:
    folder_workshop.add("costs")
    arguments = folder_workshop.command("backup", "drill.local")[3:]

    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, module, str(number.value), *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=MUCH_LONGER_SECONDS,
    )

    assert done.returncode == 128 + number
    (told,) = log_lines(done.stderr)
    assert told.startswith(WORDS[number])


@pytest.mark.parametrize("lines", [1, 3, 7, 14, 25])
def test_a_drill_that_is_interrupted_anywhere_leaves_nothing(
    lines: int, folder_workshop: Workshop, tmp_path: Path
) -> None:
    for number in range(8):
        folder_workshop.add(f"database-{number}")
    assert folder_workshop.invoke("backup").returncode == 0

    with running(folder_workshop.command("drill.local"), tmp_path) as process:
        assert process.stdout
        read_lines(process.stdout, 1 + lines)
        process.send_signal(signal.SIGINT)
        code, told = ended(process)

    told_all = (130, ["interrupted; nothing was proven; its temporary files are removed"])
    was_done: list[tuple[int, list[str]]] = [(0, []), (-signal.SIGINT, [])]
    assert (code, log_lines(told)) in [told_all, *was_done]
    assert_nothing_temporary(tmp_path)


SWALLOWED = """
import os, signal, sqlite3
from local import interrupt
interrupt.install()
connection = sqlite3.connect(":memory:")
connection.set_authorizer(lambda *_: os.kill(os.getpid(), signal.SIGTERM) or 0)
try:
    connection.execute("SELECT 1")
except sqlite3.Error:
    pass
print("goes on", flush=True)
interrupt.check()
print("has gone on")
"""


def test_a_signal_that_a_callback_swallowed_stops_what_cannot_be_taken_back() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], cwd=CHECKOUT, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (143, "goes on\n"), done.stderr


def test_nohup_holds(folder_workshop: Workshop, tmp_path: Path) -> None:
    folder_workshop.add("costs")
    command = ["nohup", *folder_workshop.command("backup")]

    with running(command, tmp_path) as process:
        assert process.stdout
        read_lines(process.stdout, 2)
        process.send_signal(signal.SIGHUP)
        code, _ = ended(process)

    assert code == 0


def test_a_remote_drill_says_how_long_it_goes_on() -> None:
    program = "import tasks; print({command.path: command.left for command in tasks.COMMANDS}['drill.remote'])"

    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    assert f"up to {LIMITS.deadline / 60:.0f} minutes" in done.stdout


def test_what_a_log_says_before_an_interruption_stays(silent: tuple[Workshop, SilentServer], tmp_path: Path) -> None:
    workshop, server = silent
    path = workshop.add("costs")

    with running(workshop.command("backup"), tmp_path) as process:
        server.asked.wait()
        assert process.stdout
        first = read_lines(process.stdout, 2)
        process.send_signal(signal.SIGINT)
        ended(process)

    assert log_lines(first)[1:] == [f"costs: snapshot of {path}"]


def read_lines(stream: IO[str], count: int) -> str:
    """The next lines; the first of all says whose settings these are."""
    return "".join(stream.readline() for _ in range(count))


def assert_nothing_temporary(tmp_path: Path) -> None:
    """Neither where the drill restores to, nor where the backup takes its snapshots."""
    assert list(own_folder(tmp_path).iterdir()) == []
    assert list((tmp_path / "cache").rglob("work/*")) == []
