"""docs/screen-*.svg: what commands show on a terminal of 80 columns, as pictures that need no font and no host.

    .venv/bin/python -m tests.support.screen_pictures

Real runs in real terminals; only the folder is called by another name of the same length. A test compares the pictures
with today's runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from html import escape
from io import StringIO
from pathlib import Path

from local import clock
from local.backup.run import back_up
from local.events import unwatched
from local.settings import AzureSettings, Database, StoreSettings
from local.store.open import open_repository
from tests.support.report_picture import moved_clock
from tests.support.screen_contents import standing_lines
from tests.support.terminal import run_on_terminal, without_colours
from tests.support.workshop import CHECKOUT

COLUMNS = 80
FOLDER = Path("docs")
# Of the same length as the temporary folder's real name, so that each line breaks where it did.
SHOWN_ROOT = "/home/me/pillar9"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


@dataclass(frozen=True)
class Shot:
    """A picture: its file's name, the command, and the exit code that it ends with."""

    name: str
    command: str
    code: int

    @property
    def path(self) -> Path:
        """The picture's file."""
        return FOLDER / f"screen-{self.name}.svg"


SHOTS = (
    Shot("backup", "backup", 0),
    Shot("list", "backup.list shop", 0),
    Shot("drill", "drill.local", 0),
    Shot("status", "status", 0),
    Shot("drill-failed", "drill.local", 1),
)


def taken(root: Path) -> dict[Shot, list[str]]:
    """The lines of each, with their colours: backups of three days, a sound drill, and one after a bit has flipped."""
    configuration = _installed(root)
    lines = {}
    for shot in SHOTS:
        if shot.code:
            _flip_one_bit(root / "store", "library")
        words = [sys.executable, "-m", "invoke", "-f", str(configuration), *shot.command.split()]
        shown, code = run_on_terminal(COLUMNS, words, CHECKOUT, _environment(root))
        assert code == shot.code, shown
        lines[shot] = [line.replace(str(root), SHOWN_ROOT) for line in standing_lines(shown)]
    return lines


def normalised(text: str) -> list[str]:
    """The words of a screen without what differs from run to run: numbers, digests, and which bar came first."""
    marked = re.sub(r"\b(?=\w*\d)[0-9a-f]{32,}\b", "#", text)
    marked = re.sub(r"[─━·]+", "─", re.sub(r"\d+([.,:T-]\d+)*Z?", "#", marked))
    bars = iter(sorted(line for line in marked.splitlines() if "  ─  " in line))
    lines = (next(bars) if "  ─  " in line else line for line in marked.splitlines())
    return " ".join(lines).split()


def made(folder: str = "/tmp") -> dict[Shot, list[str]]:
    """The same in a folder of their own, which is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="p9-", dir=folder))
    try:
        assert len(str(root)) == len(SHOWN_ROOT)
        return taken(root)
    finally:
        shutil.rmtree(root)


def picture(shot: Shot, lines: list[str]) -> str:
    """The SVG of a screen, which says in a <desc> what stands on it."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="256")
    prompt = f"$ invoke {shot.command}"
    for line in (prompt, *lines):
        text = Text.from_ansi(line)
        for row in text.divide(range(COLUMNS, len(text), COLUMNS)):
            console.print(row, soft_wrap=True)
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    template = template.replace("Fira Code, monospace", FONTS).replace("font-family: arial", "font-family: sans-serif")
    told = escape("\n".join((prompt, *without_colours("\n".join(lines)))), quote=False)
    told = told.replace("{", "{{").replace("}", "}}")
    template = template.replace("<style>", f'<desc xml:space="preserve">{told}</desc>\n    <style>', 1)
    return console.export_svg(title="pillar9", code_format=template, unique_id=f"screen-{shot.name}")


def _installed(root: Path) -> Path:
    """The configuration of two databases that were backed up on three days."""
    store = StoreSettings(url=(root / "store").as_uri())
    (root / "store").mkdir()
    databases = tuple(Database(name=name, path=root / f"{name}.db", rows={"orders": 1000}) for name in SIZES)
    for back in (2, 1, 0):
        for database in databases:
            _grow(database, SIZES[database.name])
        if back:
            with moved_clock(clock.now() - timedelta(days=back)):
                opening = partial(open_repository, store, AzureSettings())
                back_up(opening, databases, root / "cache" / "pillar9", unwatched)
    configuration = root / "pillar9.yaml"
    listed = [{"name": each.name, "path": str(each.path), "rows": dict(each.rows)} for each in databases]
    configuration.write_text(json.dumps({"store": {"url": store.url}, "databases": listed}))
    return configuration


SIZES = {"shop": 12_000, "library": 5_000}


def _grow(database: Database, rows: int) -> None:
    """More orders, the same at each run, and notes that are searched by FTS5."""
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, text)")
        if database.name == "shop":
            connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS notes USING fts5(text)")
            connection.execute("INSERT INTO notes VALUES ('a note that is searched')")
        held = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        wanted = rows if not held else held + rows // 50
        orders = ((f"order {number * 7919} of somebody",) for number in range(held, wanted))
        connection.executemany("INSERT INTO orders (text) VALUES (?)", orders)


def _flip_one_bit(store: Path, name: str) -> None:
    archive = max(store.glob(f"sqlite/*/{name}.db.gz"))
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)


def _environment(root: Path) -> Mapping[str, str]:
    """A user's own, with the common terminal and nothing that would change what it shows."""
    left_out = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "LC_ALL", "LANG", "INVOKE_RUNTIME_CONFIG")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "HOME": str(root), "XDG_CACHE_HOME": str(root / "cache"), "TERM": "xterm-256color"}


def main() -> None:
    """Make all pictures."""
    for shot, lines in made().items():
        shot.path.write_text(picture(shot, lines))
        print(shot.path)


if __name__ == "__main__":
    main()
