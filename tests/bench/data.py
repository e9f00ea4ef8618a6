"""The benchmark's databases, from a seed: text-heavy, WAL, about one row per 4 KiB page; and changes of their rows.

The same seed and size give the same rows on every machine.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Literal

PAGE = 4096
ROW_BYTES = 3_800  # one row of documents fills one leaf page
EPOCH = 1_767_225_600  # 2026-01-01T00:00:00Z
_POOL_WORDS = 3_000_000  # about 18 MB of running text, sliced at random offsets; fewer for a small database
_CHANGE_WORDS = 200_000
_VOCABULARY = 8_000
_PHRASES = 6_000
_PHRASE_SHARE = 0.76  # sentences that end in a set phrase: with it, `gzip -6` compresses the database about 3.2 to 1
_OVERHEAD = 1.025  # indexes, small tables, full-text index
_STATES = ("open", "in progress", "blocked", "review", "done")
_SCHEMA = f"""
    PRAGMA page_size={PAGE}; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;
    CREATE TABLE documents(id INTEGER PRIMARY KEY, created INTEGER NOT NULL, title TEXT NOT NULL,
                           state TEXT NOT NULL, meta TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE sessions(id INTEGER PRIMARY KEY, agent TEXT NOT NULL, started INTEGER NOT NULL, note TEXT);
    CREATE TABLE tasks(id INTEGER PRIMARY KEY, document INTEGER REFERENCES documents(id), title TEXT, done INTEGER);
    CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE VIRTUAL TABLE notes USING fts5(title, body);
"""
TABLES = ("documents", "sessions", "tasks", "settings", "notes")
Where = Literal["random", "recent", "same"]


class Text:
    """Natural-looking text: Zipf-distributed words, set phrases, sentences; slices of one pool."""

    def __init__(self, rng: random.Random, words: int) -> None:
        vocabulary = _vocabulary(rng)
        weights = list(accumulate(1.0 / (rank + 2.7) for rank in range(len(vocabulary))))
        drawn = rng.choices(vocabulary, cum_weights=weights, k=words)
        phrases = [" ".join(rng.choices(vocabulary, cum_weights=weights, k=rng.randint(3, 8))) for _ in range(_PHRASES)]
        phrase_weights = list(accumulate(1.0 / (rank + 8) for rank in range(_PHRASES)))
        sentences: list[str] = []
        at = 0
        while at < words:
            length = rng.randint(4, 11)
            sentence = " ".join(drawn[at : at + length])
            at += length
            if rng.random() < _PHRASE_SHARE:
                sentence += " " + rng.choices(phrases, cum_weights=phrase_weights)[0]
            sentences.append(sentence.capitalize())
        self.rng = rng
        self._pool = ". ".join(sentences)

    def take(self, length: int) -> str:
        """A slice of that many characters, at a random place."""
        start = int(self.rng.random() * (len(self._pool) - length))
        return self._pool[start : start + length]


def generate(path: Path, size: int, seed: int) -> int:
    """Write a database of about `size` bytes to `path`, which must not exist; the number of its documents."""
    if path.exists():
        raise FileExistsError(path)
    text = Text(random.Random(seed), min(_POOL_WORDS, max(_CHANGE_WORDS, size // 100)))
    count = max(100, int(size / PAGE / _OVERHEAD))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        _fill(database, text, count)
        database.execute("CREATE INDEX documents_created ON documents(created)")
        database.execute("CREATE INDEX tasks_document ON tasks(document)")
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def change(path: Path, where: Where, share: float, seed: int) -> int:
    """Give a share of the documents a new body of the same length; how many.

    They are scattered, others for each seed; or the newest; or scattered, and the same whatever the seed.
    """
    rng = random.Random(seed)
    text = Text(rng, _CHANGE_WORDS)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        newest = int(database.execute("SELECT max(id) FROM documents").fetchone()[0])
        wanted = max(1, round(newest * share))
        chosen: Sequence[int] = range(newest - wanted + 1, newest + 1)
        if where != "recent":
            chosen = sorted((random.Random(0) if where == "same" else rng).sample(range(1, newest + 1), wanted))
        database.execute("BEGIN IMMEDIATE")
        for number in chosen:
            (length,) = database.execute("SELECT length(body) FROM documents WHERE id=?", (number,)).fetchone()
            database.execute("UPDATE documents SET body=? WHERE id=?", (text.take(length), number))
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return wanted


def _vocabulary(rng: random.Random) -> list[str]:
    endings = ("a", "e", "i", "o", "u", "er", "in", "on", "st")
    syllables = [consonant + ending for consonant in "bcdfghklmnprstvwz" for ending in endings]
    words = ("".join(rng.choices(syllables, k=rng.choice((1, 1, 2, 2, 2, 3)))) for _ in range(_VOCABULARY * 2))
    return list(dict.fromkeys(words))[:_VOCABULARY]


def _fill(database: sqlite3.Connection, text: Text, count: int) -> None:
    small = max(10, count // 50)
    rng = text.rng
    database.executemany("INSERT INTO documents VALUES(?,?,?,?,?,?)", _documents(text, count))
    database.executemany(
        "INSERT INTO sessions VALUES(?,?,?,?)",
        ((number, f"agent-{number % 40:02d}", EPOCH + number * 1800, text.take(90)) for number in range(1, small + 1)),
    )
    database.executemany(
        "INSERT INTO tasks VALUES(?,?,?,?)",
        ((number, int(rng.random() * count) + 1, text.take(60), number % 3 == 0) for number in range(1, small * 2 + 1)),
    )
    database.executemany(
        "INSERT INTO settings VALUES(?,?)", ((f"key.{number:03d}", text.take(30)) for number in range(200))
    )
    database.executemany(
        "INSERT INTO notes(rowid, title, body) VALUES(?,?,?)",
        ((number, text.take(40), text.take(400)) for number in range(1, max(10, count // 60) + 1)),
    )


def _documents(text: Text, count: int) -> Iterator[tuple[int, int, str, str, str, str]]:
    rng = text.rng
    for number in range(1, count + 1):
        meta = _meta(rng, number)
        size = ROW_BYTES - int(rng.random() * 160)
        title, state = text.take(48), _STATES[int(rng.random() * 5)]
        yield number, EPOCH + number * 37, title, state, meta, text.take(size - len(meta) - 80)


def _meta(rng: random.Random, number: int) -> str:
    return json.dumps(
        {
            "id": number,
            "author": f"agent-{int(rng.random() * 40):02d}",
            "session": f"{rng.getrandbits(64):016x}",
            "state": _STATES[int(rng.random() * 5)],
            "tokens": {"input": int(rng.random() * 9000), "output": int(rng.random() * 2000), "cached": 0},
            "labels": ["project/alpha", "kind/note", f"priority/{int(rng.random() * 4)}"],
            "source": {"tool": "mission-control", "version": "2.4.1", "host": "anvil.local"},
        }
    )
