"""Archives to drill, written independently of the product: right ones, and wrong in every way that matters."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import sqlite3
import struct
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

from local.drill import verdict
from local.drill.order import Target
from local.drill.program import program
from local.drill_program.order import DatabaseOrder
from local.drill_program.tables import row_counts, schema_digest
from local.report import DrilledDatabase

NONCE = "0123456789abcdef0123456789abcdef"
NOTHING_RECORDED = DatabaseOrder(
    name="tasks",
    url="file:///nowhere",
    gzip_bytes=0,
    database_bytes=None,
    sha256=(),
    sidecar_problem=None,
    raw_sha256=None,
    schema=None,
    tables=None,
    minimum={},
    etag=None,
)
SCHEMA = """
    CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT, body TEXT);
    CREATE INDEX by_title ON tasks(title);
    CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT);
"""


def make_database(path: Path, script: str = SCHEMA, tasks: int = 3000) -> Path:
    """A database with `tasks` rows that compress about as prose does."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        if script == SCHEMA:
            texts = ((f"title {i}", hashlib.sha256(b"%d" % i).hexdigest() * 4) for i in range(tasks))
            connection.executemany("INSERT INTO tasks(title, body) VALUES (?, ?)", texts)
            connection.execute("INSERT INTO notes(text) VALUES ('one')")
        connection.commit()
    return path


def member(raw: bytes, size: int | None = None, raw_size: int | None = None) -> bytes:
    """A gzip member that says its sizes in its header, or lies about them."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflater.compress(raw) + deflater.flush()
    sizes = struct.pack("<II", 24 + len(body) + 8 if size is None else size, len(raw) if raw_size is None else raw_size)
    header = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff" + struct.pack("<H", 12) + b"P9" + struct.pack("<H", 8) + sizes
    return header + body + struct.pack("<II", zlib.crc32(raw), len(raw) & 0xFFFFFFFF)


def members(raw: bytes, length: int = 64 * 1024) -> bytes:
    """An archive of members as the product writes them."""
    return b"".join(member(raw[at : at + length]) for at in range(0, len(raw), length))


def legacy(raw: bytes) -> bytes:
    """An archive of the former script: one member, with a file name in its header."""
    out = io.BytesIO()
    with gzip.GzipFile("tasks.db", "wb", 6, out) as file:
        file.write(raw)
    return out.getvalue()


def target_of(path: Path, archive: bytes, raw: bytes, **changes: Any) -> Target:
    """The archive, stored at `path`, with everything recorded that a backup records of the database `raw`."""
    path.write_bytes(archive)
    digest = hashlib.sha256(archive).hexdigest()
    with closing(sqlite3.connect(":memory:")) as connection:
        copy = path.with_suffix(".facts")
        copy.write_bytes(raw)
        with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
            schema, rows = schema_digest(connection), row_counts(connection)
        copy.unlink()
    recorded = Target(
        name="tasks",
        url=path.as_uri(),
        blob="sqlite/2026-05-05/tasks.db.gz",
        backup_time="2026-05-05T12:00:00.000Z",
        gzip_bytes=len(archive),
        database_bytes=len(raw),
        sha256=(("metadata", digest), ("sidecar", digest)),
        sidecar_problem=None,
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        schema=schema,
        tables={"rows": rows},
        minimum={},
    )
    return dataclasses.replace(recorded, **changes)


def unrecorded(target: Target, **changes: Any) -> Target:
    """The same as a backup of the former script: nothing but the sidecar's digest."""
    nothing = {"database_bytes": None, "raw_sha256": None, "schema": None, "tables": None}
    return dataclasses.replace(target, **{**nothing, "sha256": target.sha256[1:], **changes})


def run_text(text: str, temp: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The program as a VM runs it: piped into an isolated Python whose environment names the temporary folder only."""
    environment = {"TMPDIR": str(temp), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-IS", "-"],
        input=text,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        **options,
    )


def outcome_of(
    temp: Path, *targets: Target, deadline: float = 100, budget: int | None = None, **options: Any
) -> verdict.ProgramResult:
    """The whole drill of `targets`, judged; the folder for temporary files must be empty afterwards."""
    text = program(targets, nonce=NONCE, deadline=deadline, budget=budget)
    done = run_text(text, temp, **options)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert list(temp.iterdir()) == []
    for target in targets:
        assert target.url not in done.stdout + done.stderr
    return verdict.outcome(done.stdout, NONCE, targets)


def drilled(temp: Path, target: Target, **options: Any) -> DrilledDatabase:
    """The result for one target."""
    (database,) = outcome_of(temp, target, **options).databases
    return database


def ending(database: DrilledDatabase) -> tuple[str, str]:
    """The last step and its verdict."""
    return database.steps[-1].name, database.steps[-1].verdict
