"""Random operations of a real writer between and during backups: what is stored is always what the database holds.

Truth is a full read: the live database, copied anew, byte for byte against the newest archive, after every run
whichever way it went. The clock's rest is shortened, so that much happens within it.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from local.backup import database_files
from local.backup.run import back_up
from local.events import unwatched
from local.settings import AzureSettings, Database, StoreSettings
from local.sqlite import snapshot
from local.store import catalog
from local.store.open import open_repository
from tests.support.tally import counted
from tests.support.workshop import make_database

REST_SECONDS = 0.03

_PROGRAM = """
import json, os, sqlite3, sys
path = sys.argv[1]
connection = None
for line in sys.stdin:
    try:
        for statement in json.loads(line):
            if statement == "open":
                connection = connection or sqlite3.connect(path, isolation_level=None, timeout=30)
            elif statement == "close":
                connection = connection and connection.close()
            elif connection:
                connection.execute(statement).fetchall()
        print("done", flush=True)
    except sqlite3.Error as error:
        if connection and connection.in_transaction:
            connection.execute("ROLLBACK")
        print(error, flush=True)
"""


@dataclass
class Writer:
    """A program of its own that does with the database what it is told, and can be killed."""

    path: Path
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", _PROGRAM, str(self.path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.do("open")

    def do(self, *statements: str) -> str:
        """Returns once they are carried out, or refused by SQLite."""
        self.begin(*statements)
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def begin(self, *statements: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(statements) + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()

    def kill(self, *statements: str) -> None:
        """In the middle of them, and another one takes its place."""
        self.begin(*statements)
        time.sleep(random.uniform(0, 0.004))
        self.end()
        self.start()


@dataclass
class Attack:
    """One database, its writer, and runs against a store in a folder."""

    folder: Path
    writer: Writer
    chance: random.Random
    settings: StoreSettings
    ways: Counter[bool | None] = field(default_factory=Counter)

    @property
    def path(self) -> Path:
        return self.writer.path

    def run(self) -> None:
        """A backup, which passes; `ways` counts whether it read the database."""
        opening = partial(open_repository, self.settings, AzureSettings())
        report = back_up(opening, [Database(name="costs", path=self.path)], self.folder / "own", unwatched)
        (one,) = report.databases
        assert one.error is None
        self.ways[one.read] += 1

    def compare(self) -> None:
        """What the newest archive holds is what a full read finds."""
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        snapshot.take(self.path, copy)
        repository = open_repository(self.settings, AzureSettings())
        point = catalog.choose(repository.points(), "costs")
        assert point
        archive = repository.store.local_path(point.entry)
        assert archive
        assert gzip.decompress(archive.read_bytes()) == copy.read_bytes()

    def operate(self) -> None:
        """One of the operations by chance."""
        self.chance.choice(OPERATIONS)(self)

    def row(self) -> int:
        return self.chance.randint(1, 300)


def small_write(attack: Attack) -> None:
    attack.writer.do(f"UPDATE tasks SET title = '{attack.chance.random()}' WHERE id = {attack.row()}")


def large_write(attack: Attack) -> None:
    attack.writer.do(f"INSERT INTO tasks (title) SELECT title || '{attack.row()}' FROM tasks LIMIT 300")


def delete(attack: Attack) -> None:
    attack.writer.do(f"DELETE FROM tasks WHERE id > 300 OR id = {attack.row()}")


def there_and_back(attack: Attack) -> None:
    """Two commits that leave the content, if not the bytes, as it was."""
    attack.writer.do("CREATE TABLE passing (id)", "DROP TABLE passing")


def spilled_and_undone(attack: Attack) -> None:
    """Frames that no commit ever follows."""
    spill = "UPDATE tasks SET title = title || 'spilled'"
    attack.writer.do("PRAGMA cache_size=2", "BEGIN", spill, "ROLLBACK", "PRAGMA cache_size=-2000")


def checkpoint(attack: Attack) -> None:
    attack.writer.do(f"PRAGMA wal_checkpoint({attack.chance.choice(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])})")


def vacuum(attack: Attack) -> None:
    attack.writer.do("VACUUM")


def journal_mode(attack: Attack) -> None:
    attack.writer.do(f"PRAGMA journal_mode={attack.chance.choice(['wal', 'wal', 'delete', 'truncate', 'persist'])}")


def reopen(attack: Attack) -> None:
    attack.writer.do("close", "open")


def killed(attack: Attack) -> None:
    attack.writer.kill(f"UPDATE tasks SET title = '{attack.chance.random()}' WHERE id < {attack.row()}")


def byte_put_back(attack: Attack) -> None:
    """One byte of a text changes under everybody's feet, and the mtime stays."""
    attack.writer.do("PRAGMA wal_checkpoint(TRUNCATE)", "close")
    before, raw = attack.path.stat(), attack.path.read_bytes()
    place = raw.find(b"task 1")
    if place >= 0:
        descriptor = os.open(attack.path, os.O_WRONLY)
        os.pwrite(descriptor, attack.chance.choice([b"task 1", b"TASK 1", b"Task 1"]), place)
        os.close(descriptor)
        os.utime(attack.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    attack.writer.do("open")


def renamed_copy(attack: Attack) -> None:
    attack.writer.do("PRAGMA wal_checkpoint(TRUNCATE)", "close")
    new = attack.path.with_name("new")
    shutil.copy2(attack.path, new)
    new.replace(attack.path)
    attack.writer.do("open")


def rest(attack: Attack) -> None:
    """For about as long as a file must have rested."""
    time.sleep(REST_SECONDS * attack.chance.choice([0.5, 1.1]))


OPERATIONS = (
    *(small_write, large_write, delete, there_and_back, spilled_and_undone, checkpoint, vacuum, journal_mode),
    *(reopen, killed, byte_put_back, renamed_copy, rest, rest),
)


@contextmanager
def attack_of(folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attack]:
    monkeypatch.setattr(database_files, "REST_NS", int(REST_SECONDS * 1e9))
    path, store = folder / "costs.db", folder / "store"
    store.mkdir()
    make_database(path, rows=300)
    writer = Writer(path)
    try:
        yield Attack(folder, writer, random.Random(seed), StoreSettings(url=store.as_uri()))
    finally:
        writer.end()


ROUNDS = [pytest.param(2, 30), *(pytest.param(seed, 400, marks=pytest.mark.long) for seed in range(10, 12))]


@pytest.mark.parametrize(("seed", "rounds"), ROUNDS)
def test_whatever_a_writer_did_the_newest_archive_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rounds: int
) -> None:
    with attack_of(tmp_path, seed, monkeypatch) as attack:
        for _ in range(rounds):
            for _ in range(attack.chance.randint(0, 3)):
                attack.operate()
            with counted("unread", "a writer between the runs"):
                attack.run()
                attack.compare()
        assert attack.ways[True]
        assert attack.ways[False]


RACES = [pytest.param(3, 15), *(pytest.param(seed, 300, marks=pytest.mark.long) for seed in range(20, 22))]


@pytest.mark.parametrize(("seed", "rounds"), RACES)
def test_whatever_a_writer_does_during_a_run_the_next_one_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rounds: int
) -> None:
    """The run that is raced may hold any moment; the one after it, in the quiet, must not take it for the last one."""
    with attack_of(tmp_path, seed, monkeypatch) as attack:
        attack.writer.do("PRAGMA synchronous=full")
        for _ in range(rounds):
            time.sleep(REST_SECONDS * attack.chance.choice([0, 0.5, 1, 1.2]))
            racing = Thread(target=attack.run)
            racing.start()
            time.sleep(attack.chance.uniform(0, 0.02))
            for operation in attack.chance.choices([small_write, large_write, delete, checkpoint, vacuum, killed], k=3):
                operation(attack)
            racing.join()
            time.sleep(REST_SECONDS * attack.chance.choice([0, 1.2]))
            with counted("unread", "a writer during the run"):
                attack.run()
                attack.compare()
