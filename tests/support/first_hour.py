"""The first hour of docs/start.md: its commands on a terminal, in the folder of somebody who has just cloned.

    .venv/bin/python -m tests.support.first_hour

writes what they print today into the page.
"""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.terminal import run_on_terminal, without_colours
from tests.support.workshop import CHECKOUT

PAGE = CHECKOUT / "docs/start.md"
COLUMNS = 120
APP, STORE, SETTINGS = "/home/you/app", "/mnt/backup/pillar9", "pillar9.yaml"
_BEGIN, _END = "```console\n", "```"


def quoted() -> list[tuple[str, list[str]]]:
    """Each command of the page's console, and the lines that it is said to print."""
    console = PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]
    blocks = [block.splitlines() for block in console.split("$ ")[1:]]
    return [(command, lines) for command, *lines in blocks]


def run(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each of these commands and what it prints, the machine's own paths told as the page tells them."""
    (root / "app").mkdir()
    _make(root / "app/orders.db", "orders", 12_000)
    _make(root / "app/stock.db", "items", 800)
    moved = {APP: f"{root}/app", STORE: f"{root}/store", SETTINGS: f"{root}/{SETTINGS}"}
    for command, _ in quoted():
        given = [_replaced(word, moved) for word in shlex.split(command)[1:]]
        to = ["--to", moved[SETTINGS]] if given[0] == "init" else []
        yield command, _printed([*given, *to], {real: shown for shown, real in moved.items()})


def measured(lines: list[str]) -> list[str]:
    """The words without what differs from run to run: times, digests, sizes, this machine, where a line breaks."""
    bars = sorted((line for line in lines if "━" in line), key=str.split)
    text = " ".join([*(line for line in lines if line not in bars), *bars])
    text = re.sub(r"━+.*?(?=passed)", "", text)
    text = re.sub(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?", "DATE", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", text)
    text = re.sub(r"\b\d+(\.\d+)? (s|min|B|kB)\b", "N", text)
    text = re.sub(r"on \S+, SQLite [\d.]+", "on HOST, SQLite X", text)
    return re.sub("─+", "─", text).split()


def write() -> None:
    """Put what the commands print today into the page."""
    with TemporaryDirectory(dir="/tmp") as folder:  # a path as short as those on the page
        blocks = [f"$ {command}\n" + "".join(f"{line}\n" for line in lines) for command, lines in run(Path(folder))]
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    PAGE.write_text(f"{before}{_BEGIN}{''.join(blocks)}{_END}{rest.partition(_END)[2]}")


def _printed(arguments: list[str], shown: dict[str, str]) -> list[str]:
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    output, code = run_on_terminal(COLUMNS, [sys.executable, "-m", "invoke", *arguments], CHECKOUT, environment)
    assert code == 0, output
    # Here all lies on one disk, which it rightly says.
    text = "".join(line for line in _last_frames(output).splitlines(keepends=True) if "same disk" not in line)
    return [line.rstrip() for line in without_colours(_replaced(text, shown))]


def _last_frames(output: str) -> str:
    """What stays on the screen: bars are written over until they end."""
    shown = re.sub(r"\x1b\[\?25l.*\x1b\[J", "", output, flags=re.DOTALL)
    return shown.replace("\x1b[?25h", "").replace("\r", "")


def _replaced(text: str, by: dict[str, str]) -> str:
    for old, new in by.items():
        text = text.replace(old, new)
    return text


def _make(path: Path, table: str, rows: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany(
            f"INSERT INTO {table} (note) VALUES (?)", ((f"note {number} of {table}",) for number in range(rows))
        )


if __name__ == "__main__":
    write()
