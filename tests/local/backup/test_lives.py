"""Random lives of a database: whatever happens to it and to the cache, every point brings back what was live."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from local import clock
from local.backup import run as backup
from local.events import unwatched
from local.settings import AzureSettings, Database, StoreSettings
from local.store.open import open_repository
from tests.local.backup.live_databases import half_noise
from tests.support.odd_databases import execute

STEPS = 14


def content_of(path: Path) -> str:
    """A digest of every row of every table, which does not depend on where SQLite put it."""
    with closing(sqlite3.connect(path)) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


def live_on(path: Path, chance: random.Random) -> None:
    """One random thing that applications do to their databases."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        most = connection.execute("SELECT coalesce(max(id), 0) FROM notes").fetchone()[0]
        match chance.choice(
            ["insert", "insert", "update", "delete", "vacuum", "table", "drop", "swap", "mode", "version", "nothing"]
        ):
            case "insert":
                rows = ((chance.randbytes(chance.randint(0, 3000)),) for _ in range(chance.randint(1, 300)))
                connection.execute("BEGIN")
                connection.executemany("INSERT INTO notes (body) VALUES (?)", rows)
                connection.execute("COMMIT")
            case "update":
                connection.execute(
                    "UPDATE notes SET body = randomblob(length(body)) WHERE id % ? = 0", (chance.randint(1, 50),)
                )
            case "delete":
                connection.execute("DELETE FROM notes WHERE id > ?", (most * chance.random(),))
            case "vacuum":
                connection.execute("VACUUM")
            case "table":
                name = f"more{chance.randrange(1000)}"
                connection.execute(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT * FROM notes WHERE id % 7 = 0")
            case "drop":
                for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'more%'").fetchall()[
                    :1
                ]:
                    connection.execute(f"DROP TABLE {name}")
            case "swap":
                connection.execute("UPDATE notes SET id = -id")
                connection.execute("UPDATE notes SET id = ? + id", (most + 1,))
            case "mode":
                connection.execute(f"PRAGMA journal_mode={chance.choice(['wal', 'delete'])}")
            case "version":
                connection.execute(f"PRAGMA user_version={chance.randrange(9)}")
            case _:
                pass


def disturb(cache: Path, chance: random.Random) -> None:
    """One random thing that happens to caches: nothing mostly, a deletion, a flipped bit."""
    files = [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size]
    what = chance.choice(["nothing", "nothing", "deleted", "a bit flips"])
    if what == "deleted":
        shutil.rmtree(cache, ignore_errors=True)
    elif what == "a bit flips" and files:
        path = chance.choice(files)
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)


def live_large(path: Path, chance: random.Random) -> None:
    """The same to a database that is large enough to be read, and sent, while it is copied; mostly to its table."""
    if chance.random() < 0.3:
        live_on(path, chance)
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        scattered = "UPDATE noise SET body = randomblob(300) WHERE id % ? = ?"
        connection.execute(scattered, (chance.choice([300, 3000]), chance.randrange(300)))


def bring_back_each(
    store_settings: StoreSettings, path: Path, steps: int, step: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back the database up after each step, which names the cache to use, some on the next day; then restore each."""
    opening = partial(open_repository, store_settings, AzureSettings())
    database = Database(name="live", path=path)
    began = clock.now()
    were_live: dict[str, str] = {}
    for number in range(steps):
        cache = step(path)
        moment = began + timedelta(hours=7 * number)
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        report = backup.back_up(opening, [database], cache, unwatched)
        assert report.backup.verdict == "passed", report
        were_live[report.databases[0].sha256 or ""] = content_of(path)

    repository = opening()
    points = list(repository.points())
    assert {point.recorded.sha256 for point in points} == set(were_live)
    for point in points:
        with urlopen(repository.store.link(point.entry, 60)) as answer:
            archive = answer.read()
        assert hashlib.sha256(archive).hexdigest() == point.recorded.sha256
        whole = gzip.decompress(archive)
        assert hashlib.sha256(whole).hexdigest() == point.recorded.raw_sha256
        restored = path.with_name(f"restored-{os.urandom(4).hex()}.db")
        restored.write_bytes(whole)
        assert content_of(restored) == were_live[point.recorded.sha256 or ""]
        restored.unlink()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
def test_every_point_brings_back_what_was_live(
    store_settings: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB)")

    def step(path: Path) -> Path:
        live_on(path, chance)
        cache = tmp_path / chance.choice(["this machine", "another machine"])
        disturb(cache, chance)
        return cache

    bring_back_each(store_settings, path, STEPS, step, monkeypatch)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 6))])
def test_every_point_of_a_large_database_brings_back_what_was_live(
    azure_store_settings: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    path = half_noise(tmp_path / "live.db")
    execute(path, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB)")

    def step(path: Path) -> Path:
        live_large(path, chance)
        cache = tmp_path / ("another machine" if chance.random() < 0.1 else "this machine")
        if chance.random() < 0.2:
            disturb(cache, chance)
        return cache

    bring_back_each(azure_store_settings, path, 4 if seed == 0 else STEPS, step, monkeypatch)
