"""`invoke demo`: live databases backed up, drilled, one copy broken on purpose, and the drill catching it."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.backup import run as backup
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.output import tables as show
from local.output.screen import Screen
from local.settings import AzureSettings, Database, StoreSettings
from local.store.open import open_repository

_ROWS = 60_000
_WRITER = """
import json, sqlite3, sys, threading
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
commits = busy = 0
print("writing", flush=True)
while not stop.wait(0.002):
    try:
        connection.execute("INSERT INTO events (place, note) VALUES (?, ?)", (commits, "written while the backup ran"))
        commits += 1
    except sqlite3.OperationalError:
        busy += 1
print(json.dumps([commits, busy]))
"""


@dataclass
class LiveWriter:
    """What the writer in the other process did in all: its commits, and how often SQLite refused it."""

    commits: int = 0
    busy: int = 0


def run(screen: Screen) -> int:
    """The whole demonstration in a folder of its own, which it names; 0 if every part came out as it should."""
    root = Path(tempfile.mkdtemp(prefix="pillar9-demo-"))
    databases = (
        Database(name="shop", path=root / "live/shop.db", rows={"events": _ROWS}),
        Database(name="library", path=root / "live/library.db", rows={"events": _ROWS}),
    )
    store = StoreSettings(url=(root / "store").as_uri())
    (root / "store").mkdir()
    (root / "live").mkdir()
    screen.say(f"1. Two databases in {root}/live, one with a writer in another process")
    for seed, database in enumerate(databases):
        _make(database.path, seed)

    screen.say("")
    screen.say("2. invoke backup")
    open_here = partial(open_repository, store, AzureSettings())
    with _writing(databases[0].path) as writer, screen.watching() as watch:
        report = backup.back_up(open_here, databases, root / "cache", watch)
    show.backup(screen, report)
    screen.say(f"the writer committed {writer.commits} times and was refused {writer.busy} times")

    screen.say("")
    screen.say("3. invoke drill.local")
    sound = _drill(screen, store, databases)

    screen.say("")
    screen.say("4. One bit of one backup flips, and invoke drill.local again")
    _flip_one_bit(root / "store", "library")
    broken = _drill(screen, store, databases)

    as_it_should = (report.backup.verdict, sound, broken, writer.busy) == ("passed", "passed", "failed", 0)
    screen.say("")
    screen.say("All of it came out as it should." if as_it_should else "THIS IS NOT HOW IT SHOULD END.", "bold")
    screen.say(f"Everything is in {root}; remove it with: rm -r {root}")
    return 0 if as_it_should else 1


def _drill(screen: Screen, store: StoreSettings, databases: tuple[Database, ...]) -> str:
    with screen.watching() as watch:
        report = drill_here(Selection(open_repository(store, AzureSettings()), databases), "this machine", watch)
    show.drill(screen, report)
    return report.drill.verdict


def _make(path: Path, seed: int) -> None:
    """A database of some 30 MB in WAL mode; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - sample data
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(3000)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, place INTEGER, note TEXT)")
        connection.execute("CREATE INDEX events_by_place ON events (place)")
        rows = ((chance.randrange(1000), " ".join(chance.choices(words, k=60))) for _ in range(_ROWS))
        connection.executemany("INSERT INTO events (place, note) VALUES (?, ?)", rows)


@contextmanager
def _writing(path: Path) -> Iterator[LiveWriter]:
    """A process that commits some 400 times a second until the context ends."""
    command = [sys.executable, "-c", _WRITER, str(path)]
    result = LiveWriter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        yield result
        process.stdin.close()
        commits, _, busy = process.stdout.read().strip("[]\n ").partition(", ")
        result.commits, result.busy = int(commits), int(busy)


def _flip_one_bit(store: Path, name: str) -> None:
    """Damage the newest copy the way a disk does: one bit, in the middle, and nothing tells."""
    (archive,) = store.glob(f"sqlite/*/{name}.db.gz")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
