"""What commands show in a real terminal: within its width at any time, and as the pictures in the documentation say."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest

from local.settings import StoreSettings
from tests.support import screen_pictures
from tests.support.crossed import crossed
from tests.support.screen_contents import standing_lines
from tests.support.screen_pictures import SHOTS, Shot, normalised
from tests.support.terminal import run_on_terminal, without_colours
from tests.support.workshop import CHECKOUT, Workshop

DOCUMENTS = [Path("README.md"), *Path("docs").glob("*.md")]


@pytest.fixture(scope="module")
def today() -> dict[Shot, list[str]]:
    """The screens of today's commands."""
    return screen_pictures.made()


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_a_picture_shows_what_the_command_shows_today(shot: Shot, today: dict[Shot, list[str]]) -> None:
    prompt, *lines = Described(shot.path.read_text()).description.splitlines()

    assert prompt == f"$ invoke {shot.command}"
    # If it is meant to differ: .venv/bin/python -m tests.support.screen_pictures
    assert normalised("\n".join(lines)) == normalised("\n".join(without_colours("\n".join(today[shot]))))


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_a_picture_draws_what_it_describes_and_asks_nobody(shot: Shot) -> None:
    text = shot.path.read_text()
    found = Described(text)

    drawn = "".join(found.drawn.split())
    assert drawn == "".join(found.description.split())
    assert max(map(len, found.description.splitlines())) <= screen_pictures.COLUMNS
    assert re.findall(r"https?://(?!www\.w3\.org/|www\.textualize\.io)|@import|@font-face|url\((?!#)|href", text) == []


def test_a_document_shows_every_picture_and_no_other() -> None:
    there = {path.resolve() for path in Path("docs").glob("screen-*")}
    shown = {
        (document.parent / path).resolve()
        for document in DOCUMENTS
        for path in re.findall(r"!\[[^\]]+\]\(([^)]*screen-[\w-]+\.svg)\)", document.read_text())
    }

    assert shown == there == {shot.path.resolve() for shot in SHOTS}


class Described(HTMLParser):
    """An SVG's description, and the text that it draws within its frame."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.description = self.drawn = self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = "" if tag == "text" and "title" in str(dict(attrs).get("class")) else tag

    def handle_endtag(self, _tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "desc":
            self.description += data
        elif self._tag == "text":
            self.drawn += data


LONG_NAME = "a-name-of-some-length-that-nobody-may-cut"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two databases, one with a long name, and one that is not there."""
    root = tmp_path_factory.mktemp("screens")
    (root / "store").mkdir()
    workshop = Workshop(root, StoreSettings(url=(root / "store").as_uri()))
    workshop.add(LONG_NAME)
    workshop.add("gone", root / "gone.db")
    assert workshop.invoke("backup").returncode == 1
    return workshop


@pytest.mark.parametrize(
    ("columns", "command"),
    crossed([60, 80, 120, 200], ["backup", "backup.list", "drill.local", "status", "backup --check", "doctor"]),
)
def test_every_screen_fits_and_cuts_no_name(columns: int, command: str, installed: Workshop) -> None:
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONWARNINGS": ""}
    environment.pop("COLUMNS", None)

    shown, _ = run_on_terminal(columns, installed.command(*command.split()), CHECKOUT, environment)

    lines = without_colours("\n".join(standing_lines(shown)))
    # What no line has room for is the terminal's to break; nothing else is wider.
    wide = [line for line in lines if len(line) > columns]
    assert [line for line in wide if max(map(len, line.split())) < columns - 12 and "→" not in line] == []
    text = " ".join(lines)
    assert "?/" not in text
    assert "/?" not in text
    if command != "doctor":
        assert LONG_NAME in text
    if command == "backup.list":
        (point,) = installed.document("backup.list")["backups"]
        assert point["backup_time"] in text.split()


RESIZED = """
import sys
from local.events import Event
from local.output.screen import Screen
screen = Screen()
screen.say("begun")
with screen.watching() as watch:
    for name in ("costs", "hivemind"):
        watch(Event(name, "uploading " * 30, 1, 2))
    sys.stdin.readline()
    watch(Event("costs", "stored", verdict="passed"))
    watch(Event("hivemind", "the disk is full " * 30, verdict="failed"))
screen.say("ended")
"""


@pytest.mark.parametrize(("before", "after"), [(120, 60), (60, 200)])
def test_a_terminal_that_changes_its_width_has_whole_lines_of_the_new_one(before: int, after: int) -> None:
    with terminal(before) as (master, slave):
        environment = {**os.environ, "TERM": "xterm-256color"}
        environment.pop("COLUMNS", None)
        command = [sys.executable, "-c", RESIZED]
        with subprocess.Popen(command, stdin=slave, stdout=slave, cwd=CHECKOUT, env=environment) as process:
            shown = read_until(master, "hivemind")
            resize(master, after)
            os.write(master, b"\n")
            shown += read_until(master, "ended")
            assert process.wait() == 0

    last = without_colours(shown.rpartition("\x1b[J")[2].replace("\x1b[?25h", ""))
    assert [line[:10] for line in last[:2]] == ["✓ costs   ", "✗ hivemind"]
    assert max(map(len, last)) <= after
    assert "failed: the disk is" in last[1]
    # The two full lines of the wide terminal are four of the narrow one.
    assert re.findall(r"\x1b\[(\d+)A", shown).count("4") == (1 if before > after else 0)


@contextmanager
def terminal(columns: int) -> Iterator[tuple[int, int]]:
    """Both ends of a terminal of this width."""
    master, slave = pty.openpty()
    resize(master, columns)
    try:
        yield master, slave
    finally:
        os.close(slave)
        os.close(master)


def resize(end: int, columns: int) -> None:
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def read_until(master: int, word: str) -> str:
    """What was shown up to this word and the end of its line."""
    shown = b""
    while not (word.encode() in shown and shown.endswith(b"\n")):
        shown += os.read(master, 65536)
    return shown.decode().replace("\r\n", "\n")
