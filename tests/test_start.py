"""The first hour of docs/start.md, run as it stands there: what it quotes is what the commands print today."""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.fork_server import run_invoke
from tests.support.terminal import log_lines


def transcript() -> list[tuple[str, list[str]]]:
    """Each command of the page's console, and the lines that it is said to print."""
    page = Path("docs/start.md").read_text()
    console = page.partition("```console\n")[2].partition("```")[0]
    blocks = [block.splitlines() for block in console.split("$ ")[1:]]
    return [(command, [line for line in lines if line.strip()]) for command, *lines in blocks]


def make(path: Path, table: str, rows: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany(
            f"INSERT INTO {table} (note) VALUES (?)", ((f"note {number} of {table}",) for number in range(rows))
        )


def measured(line: str) -> str:
    """Without what differs from run to run: times, and this machine's name and SQLite."""
    line = re.sub(r"\d+\.\d+ s", "T s", line)
    return re.sub(r"on \S+, SQLite [\d.]+", "on HOST, SQLite X", line).strip()


def test_the_first_hour_is_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    make(tmp_path / "app/orders.db", "orders", 12_000)
    make(tmp_path / "app/stock.db", "items", 800)
    moved = {
        "/home/you/app": f"{tmp_path}/app",
        "/mnt/backup": str(tmp_path),
        "pillar9.yaml": f"{tmp_path}/pillar9.yaml",
    }
    commands = transcript()
    assert len(commands) == 4

    for command, said in commands:
        words = shlex.split(command)[1:]
        given = [next((word.replace(a, b) for a, b in moved.items() if a in word), word) for word in words]
        done = run_invoke(*given, *(["--to", moved["pillar9.yaml"]] if words[0] == "init" else []))

        assert done.returncode == 0, done.stderr
        text = done.stdout
        for shown, real in sorted(moved.items(), key=lambda pair: -len(pair[1])):
            text = text.replace(real, shown)
        lines = [measured(line) for line in log_lines(text) if "same disk" not in line]
        prose = [measured(line) for line in said if not re.search(r"─|\S  ", line)]
        assert [line for line in prose if line not in lines] == [], lines
        assert lines[-1] == prose[-1]
