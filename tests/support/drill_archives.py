"""Archives to drill, written independently of the product: right ones, and wrong in every way that matters."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import io
import json
import sqlite3
import struct
import subprocess
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from local.drill import verdict
from local.drill.order import DatabaseTarget, Target, database_orders
from local.drill.program import program
from local.drill.run import zlib_ng_file
from local.drill_program.database import DatabaseDrill
from local.drill_program.inflate import working_zlib_ng
from local.drill_program.order import DatabaseOrder
from local.drill_program.tables import row_counts, schema_digest
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work
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
    facts={},
)
# What else a backup records: the same of each of these databases, since the drill only compares it.
FACTS: dict[str, int | str] = {"page_size": 4096, "page_count": 7, "user_version": 0, "sqlite": "3.40.1", "tool": "0.1"}
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


def content_members(raw: bytes, length: int = 64 * 1024) -> bytes:
    """The members of an archive that hold `raw`, without the record that belongs behind them."""
    return b"".join(member(raw[at : at + length]) for at in range(0, len(raw), length))


def members(raw: bytes, length: int = 64 * 1024, facts_of: bytes | None = None, **said: Any) -> bytes:
    """A whole archive as the product writes it; its record says of `facts_of` (or of `raw`) what was counted there.

    `said` replaces fields of the record.
    """
    return with_record(content_members(raw, length), record_of(raw, facts_of, **said))


def record_of(raw: bytes, facts_of: bytes | None = None, **said: Any) -> dict[str, Any]:
    """The fields of the record in an archive of `raw`, as SPEC section 3 lists them."""
    facts = content_facts(raw if facts_of is None else facts_of)
    return {
        "database": "tasks",
        "content_since": "2026-05-05T12:00:00.000Z",
        "raw_sha256": hashlib.sha256(raw).hexdigest(),
        "raw_bytes": len(raw),
        "schema_sha256": facts.schema,
        "rows": facts.rows,
        **FACTS,
        **said,
    }


def with_record(content: bytes, record: dict[str, Any]) -> bytes:
    """The archive of these members with its record behind them."""
    return content + b"".join(record_members(packed(record), len(content)))


def packed(record: object) -> bytes:
    """A record's payload: JSON, compressed."""
    return zlib.compress(json.dumps(record).encode())


def record_members(payload: bytes, offset: int, piece_bytes: int = 15_996) -> list[bytes]:
    """The members that carry the payload of a record which begins at `offset`: its pieces, and the end mark."""
    pieces = [payload[at : at + piece_bytes] for at in range(0, len(payload), piece_bytes)]
    return [*(empty_member(b"PR", piece) for piece in pieces), end_mark(payload, offset)]


def end_mark(payload: bytes, offset: int) -> bytes:
    """The end mark: where the record begins, the length of its payload, and its SHA-256."""
    return empty_member(b"PE", struct.pack("<QQ", offset, len(payload)) + hashlib.sha256(payload).digest())


def empty_member(field: bytes, data: bytes) -> bytes:
    """A gzip member of nothing with one subfield in its header (RFC 1952, section 2.3.1.1)."""
    extra = field + struct.pack("<H", len(data)) + data
    header = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff" + struct.pack("<H", len(extra)) + extra
    return header + b"\x03\x00" + struct.pack("<II", 0, 0)


def legacy(raw: bytes) -> bytes:
    """An archive of the former script: one member, with a file name in its header."""
    out = io.BytesIO()
    with gzip.GzipFile("tasks.db", "wb", 6, out) as file:
        file.write(raw)
    return out.getvalue()


@dataclasses.dataclass(frozen=True)
class ContentFacts:
    """What is counted in a database; `rows` is nothing where it is none."""

    schema: str
    rows: dict[str, int]


@functools.lru_cache(maxsize=8)
def content_facts(raw: bytes) -> ContentFacts:
    """What a backup records of the database `raw`."""
    if not raw.startswith(b"SQLite format 3\0"):
        return ContentFacts("0" * 64, {})
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(raw)
        copy.flush()
        with closing(sqlite3.connect(f"{Path(copy.name).as_uri()}?immutable=1", uri=True)) as connection:
            return ContentFacts(schema_digest(connection), row_counts(connection))


def target_of(path: Path, archive: bytes, raw: bytes, **changes: Any) -> DatabaseTarget:
    """The archive, stored at `path`, with everything recorded that a backup records of the database `raw`."""
    path.write_bytes(archive)
    digest = hashlib.sha256(archive).hexdigest()
    facts = content_facts(raw)
    recorded = DatabaseTarget(
        name="tasks",
        url=path.as_uri(),
        blob="sqlite/2026-05-05/tasks.db.gz",
        backup_time="2026-05-05T12:00:00.000Z",
        gzip_bytes=len(archive),
        database_bytes=len(raw),
        sha256=(("metadata", digest), ("sidecar", digest)),
        sidecar_problem=None,
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        schema=facts.schema,
        tables=facts.rows,
        minimum={},
        facts=FACTS,
    )
    return dataclasses.replace(recorded, **changes)


def unrecorded(target: DatabaseTarget, **changes: Any) -> DatabaseTarget:
    """The same as a backup of the former script, or as a copied file: nothing but the sidecar's digest."""
    nothing: dict[str, Any] = {"database_bytes": None, "raw_sha256": None, "schema": None, "tables": None, "facts": {}}
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


@functools.cache
def installed_zlib_ng() -> Any:
    """The module that the requirements bring, loaded as the program does it: a process loads it only once."""
    module = working_zlib_ng(zlib_ng_file())
    assert module, "zlib-ng is not installed"
    return module


def drilled_here(
    order: DatabaseOrder, folder: Path, cores: int = 2, zlib_ng: Any = None, read_back: bool = False
) -> DatabaseDrill:
    """The five steps carried out in this process: milliseconds, where a program of its own takes a second."""
    stop = Stop()
    room, progress = DiskShare(Disk(str(folder)), stop), ProgressLines(order.name, watched=False)
    with ThreadPoolExecutor(cores) as pool:
        drill = DatabaseDrill(Work(order, folder / "restored.db", stop, room, progress, pool, zlib_ng, read_back))
        drill.carry_out()
    return drill


def ending_here(
    folder: Path, target: DatabaseTarget, cores: int = 2, zlib_ng: Any = None, read_back: bool = False
) -> tuple[str, str, str]:
    """The last step that `drilled_here` came to, its verdict and its detail."""
    (order,) = database_orders([target])
    name, said, _, detail = drilled_here(order, folder, cores, zlib_ng, read_back).result(brief=False)["steps"][-1]
    return name, said, detail


def ending(database: DrilledDatabase) -> tuple[str, str]:
    """The last step and its verdict."""
    return database.steps[-1].name, database.steps[-1].verdict
