"""`invoke demo`: live databases backed up, drilled, one copy broken on purpose, and the drill catching it."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from shlex import quote

import msgspec

from local import interrupt
from local.backup import run as backup
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.output import tables
from local.output.screen import Screen
from local.settings import AzureSettings, Database, StoreSettings
from local.store.open import open_repository
from local.typed import from_json

_ROWS = 60_000
_AS_IT_SHOULD = "The demo passed: the backup and its drill passed, and the drill found the damaged copy."
_NOT_AS_IT_SHOULD = "THE DEMO FAILED: please report it, with all that stands above and: invoke version"
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
print(json.dumps({"commits": commits, "refusals": busy}))
"""


class WriterResult(msgspec.Struct, frozen=True):
    """What the writer in the other process did in all: its commits, and how often SQLite refused it one."""

    commits: int
    refusals: int


def run(screen: Screen) -> int:
    """The whole demonstration in a folder of its own, which it names; 0 if every part came out as it should."""
    root = Path(tempfile.mkdtemp(prefix="pillar9-demo-"))
    interrupt.leaves(f"its folder is left: rm -r {quote(str(root))}")
    store = StoreSettings(url=(root / "store").as_uri())
    (root / "store").mkdir()

    screen.say(f"1. Two databases in {root}/live, one with a writer in another process")
    databases = _make_databases(root / "live")
    _title(screen, "2. invoke backup")
    backed_up, written = _back_up(screen, store, databases, root / "cache")
    _title(screen, "3. invoke drill.local")
    sound = _drill(screen, store, databases)
    _title(screen, "4. One bit of one stored copy is flipped on purpose, then invoke drill.local again")
    _flip_one_bit(root / "store", "library")
    broken = _drill(screen, store, databases)

    as_it_should = (backed_up, sound, broken, written.refusals) == ("passed", "passed", "failed", 0)
    screen.say("")
    screen.say(_AS_IT_SHOULD if as_it_should else _NOT_AS_IT_SHOULD, "bold")
    screen.say(f"All of it is in {root}; remove it with: rm -r {quote(str(root))}")
    return 0 if as_it_should else 1


def _title(screen: Screen, text: str) -> None:
    screen.say("")
    screen.quote(text)


def _back_up(
    screen: Screen, store: StoreSettings, databases: tuple[Database, ...], cache: Path
) -> tuple[str, WriterResult]:
    """The backup's verdict, and what a program that wrote to the first database meanwhile has to tell."""
    with _live_writer(databases[0].path) as stop_writer:
        with screen.watching() as watch:
            report = backup.back_up(partial(open_repository, store, AzureSettings()), databases, cache, watch)
        written = stop_writer()
    tables.backup(screen, report)
    screen.say(f"the writer committed {written.commits:,} times meanwhile and was refused {written.refusals} times")
    return report.backup.verdict, written


def _drill(screen: Screen, store: StoreSettings, databases: tuple[Database, ...]) -> str:
    with screen.watching() as watch:
        report = drill_here(Selection(open_repository(store, AzureSettings()), databases), "this machine", watch)
    tables.drill(screen, report)
    return report.drill.verdict


def _make_databases(folder: Path) -> tuple[Database, ...]:
    folder.mkdir()
    names = ("shop", "library")
    for seed, name in enumerate(names):
        _make(folder / f"{name}.db", seed)
    return tuple(Database(name=name, path=folder / f"{name}.db", rows={"events": _ROWS}) for name in names)


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
def _live_writer(path: Path) -> Iterator[Callable[[], WriterResult]]:
    """A process that commits some 400 times a second until the context ends, or until its function is called."""
    command = [sys.executable, "-c", _WRITER, str(path)]
    # Ctrl-C reaches it as the end of its input, and not as its own from the terminal.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()

        def stop() -> WriterResult:
            output, _ = process.communicate()
            return from_json(output, WriterResult)

        yield stop


def _flip_one_bit(store: Path, name: str) -> None:
    """Damage the newest copy the way a disk does: one bit, in the middle, and nothing tells."""
    (archive,) = store.glob(f"sqlite/*/{name}.db.gz")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
