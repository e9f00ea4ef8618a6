"""The restore drill: five steps that prove that a backup of a SQLite database can be brought back.

This file is the whole proof. The machine that made the backup pipes it into `python3 -IS -`, a VM gets the same text;
it needs Python 3.8's standard library and nothing else. It trusts nothing that it reads; its last line tells all.
`failed` means that the backup is wrong. Whatever only kept the drill from being carried out is `inconclusive`.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import errno
import faulthandler
import functools
import hashlib
import http.client
import itertools
import json
import os
import platform
import queue
import re
import shutil
import signal
import sqlite3
import ssl
import stat
import struct
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

PIECE, CONNECTIONS, WINDOW = 4 << 20, 4, 6  # bytes of a read or a range; ranges in flight for a database
TRIES, PATIENCE, SOCKET_SECONDS = 6, 60.0, 30.0
MEMBER_MAX, IN_FLIGHT, INFLATED, SLICE = 64 << 20, 48 << 20, 1 << 20, 128 << 10  # bytes
CORES = min(os.cpu_count() or 1, 8)
DATABASES_AT_ONCE, GRACE, STALE = 4, 5.0, 2 * 3600.0  # seconds
ROOM_STEP, ROOM_LEFT = 64 << 20, 256 << 20
FOLDER, RESULT = "pillar9-drill-", "pillar9-result-"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What SQLite says of a damaged file. A schema that it calls malformed may only be one that this build is too old for.
CORRUPT = re.compile("malformed|not a database|corrupt")
SOUND = re.compile("malformed database schema .* - (?!invalid rootpage|orphan index|.*already)", re.DOTALL)
# One of our members: a gzip header whose extra field P9 holds the member's own size and that of its raw content.
OUR_HEADER = struct.Struct("<4s6xH2sHII")
TRUNCATED = "the archive ends in the middle of a gzip member"


class FailedError(Exception):
    """The backup is wrong."""


class InconclusiveError(Exception):
    """The drill could not be carried out; nothing is known of the backup."""


# ---- the five steps. The first three are one pass: each takes what the one before hands on, piece by piece.


def download(drill: Drill, _: None) -> Iterator[bytes]:
    """The archive's bytes in order, exactly as many as the store lists."""
    drill.run.room.reserve(drill, drill.order["database_bytes"] or 0, patient=True)
    url, listed, size = urllib.parse.urlsplit(drill.order["url"]), drill.order["gzip_bytes"], 0
    for piece in from_file(url.path, listed) if url.scheme == "file" else from_store(drill, listed):
        drill.run.check()
        size += len(piece)
        drill.say("download", size, listed)
        yield piece
    if size != listed:
        raise FailedError(f"the archive has {size} bytes, the store lists {listed}")
    drill.gzip_bytes = size


def checksum(drill: Drill, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, once their SHA-256 is the one in the metadata and in the sidecar."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    found = drill.sha256 = digest.hexdigest()
    wrong = [f"the {where} says {expected}" for where, expected in drill.order["sha256"] if expected != found]
    if wrong:
        raise FailedError(f"the archive's SHA-256 is {found}, {' and '.join(wrong)}")
    if drill.order["sidecar_problem"]:
        raise FailedError(drill.order["sidecar_problem"])
    if not drill.order["sha256"]:
        drill.details["checksum"] = "no SHA-256 was recorded, so it was not compared"
    drill.whole = True


def decompress(drill: Drill, pieces: Iterator[bytes]) -> Path:
    """The database in a private file, of exactly the size and content recorded."""
    try:
        with contextlib.closing(Output(drill)) as output:
            unpack(Input(pieces), output)
            output.finish()
    except BaseException:
        for _ in pieces:  # a wrong checksum comes first: read on to the end, where it shows
            pass
        raise
    return drill.path


def integrity(drill: Drill, path: Path) -> sqlite3.Connection:
    """The database, of which the full integrity_check says nothing but "ok".

    SQLite reads no CHECK constraints from a file that is opened read-only (build.c, sqlite3AddCheckConstraint), neither
    here nor in the backup's quick_check: data that broke them when it was backed up is restored as it was.
    """
    drill.say("integrity")
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = drill.connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
    problems = []
    try:
        connection.execute("PRAGMA cache_size=-16000")
        connection.execute(f"PRAGMA mmap_size={drill.database_bytes}")
        problems += [text for (text,) in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.Error as error:
        raise judged(drill, error) from None
    if problems == ["ok"]:
        return connection
    if problems and all(text.startswith("unable to validate") and not CORRUPT.search(text) for text in problems):
        raise InconclusiveError(f"SQLite {sqlite3.sqlite_version} here says: {some(problems)}")
    raise FailedError(some(problems) or "integrity_check said nothing")


def rows(drill: Drill, connection: sqlite3.Connection) -> None:
    """Each table has as many rows as were recorded and at least the configured minimum; no table came or went."""
    drill.say("rows")
    order = drill.order
    try:
        schema = schema_digest(connection)
        counts, uncounted, modules = count_tables(connection)
    except sqlite3.Error as error:
        raise judged(drill, error) from None
    drill.counts = counts
    recorded = None if order["tables"] is None else recorded_among(order["tables"], {**counts, **uncounted}, modules)
    if recorded is not None:
        drill.unrecorded = sorted(set(counts) - set(recorded))
    wrong = differences(counts, uncounted, modules, recorded, order["minimum"])
    if order["schema"] not in (None, schema):
        wrong.append("the schema is not the recorded one")
    doubtful = sorted(set(uncounted) & {*(recorded or {}), *floors(order["minimum"], uncounted)})
    if order["tables"] is not None and recorded is None:
        doubtful += sorted(uncounted)
        if not doubtful:
            wrong.append("the tables and their counts are not those recorded")
    if wrong:
        raise FailedError(some(wrong))
    if doubtful:
        raise InconclusiveError(
            f"SQLite {sqlite3.sqlite_version} here cannot count {doubtful[0]!r}: {uncounted[doubtful[0]]}"
        )
    absent = ["counts"] * (recorded is None) + ["schema"] * (order["schema"] is None)
    notes = [f"not recorded, so not compared: {' and '.join(absent)}"] * bool(absent)
    left_out = [] if recorded is None else [*drill.unrecorded, *sorted(uncounted)]
    notes += [f"not recorded, so not compared: {some([repr(name) for name in left_out])}"] * bool(left_out)
    drill.details["rows"] = "; ".join(notes)


STEPS: tuple[Callable[[Any, Any], Any], ...] = (download, checksum, decompress, integrity, rows)


# ---- what is recorded of tables: the backup records it with these functions, so both ends count alike


def master(connection: sqlite3.Connection) -> list[tuple[bytes | None, ...]]:
    """Every (type, name, tbl_name, sql) in the schema, in UTF-8 whatever the database's encoding."""
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    finally:
        connection.text_factory = factory


def schema_digest(connection: sqlite3.Connection) -> str:
    """The SHA-256 of the whole schema, in an order that does not depend on how it came about."""
    encoded = [
        b"".join(b"-," if text is None else b"%d:%s," % (len(text), text) for text in row) for row in master(connection)
    ]
    return hashlib.sha256(b"\n".join(sorted(encoded))).hexdigest()


def count_tables(connection: sqlite3.Connection) -> tuple[dict[str, int], dict[str, str], dict[str, bytes]]:
    """Rows by table; why a table cannot be counted by this library (a module it lacks); the virtual tables' modules."""
    counts: dict[str, int] = {}
    uncounted: dict[str, str] = {}
    modules: dict[str, bytes] = {}
    for kind, raw, _, sql in master(connection):
        if kind != b"table" or raw is None or raw.lower().startswith(b"sqlite_"):
            continue
        name = raw.decode("utf-8", "replace")
        virtual = re.match(rb"(?is)create virtual table .*?\busing\s+(\w+)", sql or b"")
        if virtual:
            modules[name] = virtual[1].lower()
        try:
            quoted = name.replace('"', '""')
            counts[name] = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0]  # noqa: S608
        except sqlite3.OperationalError as error:
            if not re.match("no such |unknown tokenizer|vtable constructor failed|error in tokenizer", str(error)):
                raise
            uncounted[name] = str(error)
    return counts, uncounted, modules


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by table, virtual tables and their shadow tables included, those left out that this library cannot read."""
    return count_tables(connection)[0]


def canonical(value: Any) -> str:
    """The SHA-256 of a value's compact JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def tables_record(counts: dict[str, int], limit: int) -> dict[str, Any]:
    """The counts in the most telling form whose JSON has at most `limit` bytes; each form compares every count."""
    numbers = ",".join(str(counts[name]) for name in sorted(counts)).encode()
    packed = base64.b64encode(zlib.compress(numbers, 9)).decode()
    forms: tuple[dict[str, Any], ...] = ({"rows": counts}, {"names": canonical(sorted(counts)), "counts": packed})
    for form in forms:
        if len(json.dumps(form, separators=(",", ":"))) <= limit:
            return form
    return {"digest": canonical(counts)}


def recorded_rows(record: dict[str, Any], counts: dict[str, Any]) -> dict[str, int] | None:
    """The recorded count of each table; None if the record is of other tables (or, as a digest, of other counts).

    ValueError if the record does not read.
    """
    if "digest" in record:
        return dict(counts) if record["digest"] == canonical(counts) else None
    found = record.get("rows")
    if "names" in record:
        names = sorted(counts)
        if record["names"] != canonical(names):
            return None
        try:
            numbers = zlib.decompressobj().decompress(base64.b64decode(record["counts"], validate=True), MEMBER_MAX)
        except (KeyError, TypeError, zlib.error) as error:
            raise ValueError("the counts do not unpack") from error
        values = [int(number) for number in numbers.split(b",")] if numbers else []
        found = dict(zip(names, values)) if len(names) == len(values) else None
    if not isinstance(found, dict) or not all(type(count) is int and count >= 0 for count in found.values()):
        raise ValueError("not a count for each table")
    return found


def recorded_among(record: dict[str, Any], counts: dict[str, Any], modules: dict[str, bytes]) -> dict[str, int] | None:
    """The recorded counts, also if the backup's library lacked some modules and so left their tables out."""
    known = sorted(set(modules.values()))[:8]
    for absent in itertools.chain.from_iterable(itertools.combinations(known, n) for n in range(len(known) + 1)):
        try:
            found = recorded_rows(record, {name: n for name, n in counts.items() if modules.get(name) not in absent})
        except ValueError as error:
            raise FailedError(f"the recorded row counts cannot be read: {error}") from None
        if found is not None:
            return found
    return None


def floors(minimum: dict[str, int], tables: Any) -> dict[str, int]:
    """The floor of each table; SQLite's table names differ in more than case."""
    names = {name.lower(): name for name in tables}
    return {names.get(name.lower(), name): least for name, least in minimum.items()}


def differences(
    counts: dict[str, int],
    uncounted: dict[str, str],
    modules: dict[str, bytes],
    recorded: dict[str, int] | None,
    minimum: dict[str, int],
) -> list[str]:
    """What contradicts the record or the floors, for a person."""
    wrong = []
    for name, count in sorted((recorded or {}).items()):
        if name not in counts and name not in uncounted:
            wrong.append(f"table {name!r} is missing ({count} rows were recorded)")
        elif counts.get(name, count) != count:
            wrong.append(f"table {name!r} has {counts[name]} rows, {count} were recorded")
    if recorded is not None:
        wrong += [f"table {name!r} was not there at the backup" for name in sorted(set(counts) - {*recorded, *modules})]
    for name, least in sorted(floors(minimum, [*counts, *uncounted]).items()):
        if name not in counts and name not in uncounted and name not in (recorded or {}):
            wrong.append(f"table {name!r} is missing (at least {least} rows are required)")
        elif counts.get(name, least) < least:
            wrong.append(f"table {name!r} has {counts[name]} rows, at least {least} are required")
    return wrong


def some(texts: list[str]) -> str:
    """The first few, and how many more there are."""
    shown = "; ".join(text.replace("\n", " ")[:160] for text in texts[:4])
    return shown + (f"; and {len(texts) - 4} more" if len(texts) > 4 else "")


def judged(drill: Drill, error: sqlite3.Error) -> Exception:
    """What SQLite's error says of the backup: only damage that any version would see is a failure."""
    text = str(error)
    if CORRUPT.search(text) and not SOUND.match(text):
        return FailedError(text)
    drill.run.check()
    return InconclusiveError(f"SQLite {sqlite3.sqlite_version} here could not carry it out: {text}")


# ---- where the archive comes from


def from_file(path: str, listed: int) -> Iterator[bytes]:
    """The pieces of a file of the size `listed`."""
    try:
        with open(urllib.request.url2pathname(path), "rb", buffering=0) as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            if size != listed:
                raise FailedError(f"the archive has {size} bytes, the store lists {listed}")
            yield from iter(lambda: file.read(PIECE), b"")
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)
        raise (FailedError if gone else InconclusiveError)(f"the archive cannot be read: {error.strerror}") from None


def from_store(drill: Drill, listed: int) -> Iterator[bytes]:
    """The pieces of a blob, fetched by a few connections and put in order; all of them are of one version of it."""
    pool = ThreadPoolExecutor(CONNECTIONS)
    ahead: deque[Future[Any]] = deque()
    try:
        first, total, etag = fetch(drill, 0, drill.order["etag"])
        if total != listed:
            raise FailedError(f"the archive has {total} bytes, the store lists {listed}")
        starts = iter(range(PIECE, total, PIECE))
        ahead.extend(pool.submit(fetch, drill, start, etag) for start in itertools.islice(starts, WINDOW))
        yield from [first] if first else []
        while ahead:
            piece = ahead.popleft().result()[0]
            ahead.extend(pool.submit(fetch, drill, start, etag) for start in itertools.islice(starts, 1))
            yield piece
    finally:
        for future in ahead:
            future.cancel()
        pool.shutdown(wait=False)


def fetch(drill: Drill, start: int, etag: str | None) -> tuple[bytes, int, str | None]:
    """One range, the blob's size and its version; patient with what may pass."""
    trouble = ""
    for attempt in range(TRIES):
        drill.run.check()
        pause = 0.5 * 2**attempt
        try:
            return ask(drill, start, etag)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416 and start == 0 and (error.headers.get("Content-Range") or "*/0").endswith("*/0"):
                    return b"", 0, None
                trouble = refused(error)
                after = error.headers.get("Retry-After") or ""
                pause = max(pause, float(after)) if re.fullmatch("[0-9]{1,6}", after) else pause
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise InconclusiveError("the store's TLS certificate is not trusted here") from None
            why = getattr(reason, "strerror", None) or ""
            trouble = f"the store could not be reached: {type(reason).__name__} {why}".rstrip()
        if attempt + 1 < TRIES:
            drill.run.pause(min(pause, PATIENCE))
    raise InconclusiveError(f"{trouble}, {TRIES} times")


def ask(drill: Drill, start: int, etag: str | None) -> tuple[bytes, int, str | None]:
    """One range by one request; http.client's errors, and OSError."""
    headers = {"Range": f"bytes={start}-{start + PIECE - 1}", **({"If-Match": etag} if etag else {})}
    request = urllib.request.Request(drill.order["url"], headers=headers)  # noqa: S310
    with drill.run.opener.open(request, timeout=SOCKET_SECONDS) as response:
        span = re.fullmatch(
            r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})", response.headers.get("Content-Range") or ""
        )
        end = min(start + PIECE, int(span[3])) if span else 0
        if response.status != 206 or not span or (int(span[1]), int(span[2]) + 1) != (start, end):
            raise InconclusiveError("the store does not answer with the range that was asked for")
        data = response.read(end - start)
        if len(data) != end - start:
            raise http.client.IncompleteRead(b"", end - start - len(data))
        return data, int(span[3]), response.headers.get("ETag")


def refused(error: urllib.error.HTTPError) -> str:
    """What the store says, where asking again may help; raised, where it does not."""
    code = re.sub("[^A-Za-z]", "", error.headers.get("x-ms-error-code") or "")[:60]
    said = f"the store answers {error.code} {code}".rstrip()
    if error.code in (408, 429) or error.code >= 500:
        return said
    if error.code in (404, 410):
        raise FailedError(f"the archive is not there: {said}")
    if error.code == 412:
        raise InconclusiveError(f"the archive was overwritten during the drill: {said}")
    date = email.utils.parsedate_tz(error.headers.get("Date") or "") if error.code in (401, 403) else None
    skew = (
        f"; this machine's clock is {time.time() - email.utils.mktime_tz(date):+.0f} s off the store's" if date else ""
    )
    raise InconclusiveError(f"{said}{' (the link may have expired)' if date else ''}{skew}")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A link's signature goes to its own host only."""

    def redirect_request(self, *_: Any) -> None:
        """Nowhere."""


# ---- from gzip to the database


class Input:
    """A stream of pieces, read by count."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.data, self.at = pieces, b"", 0

    def peek(self, count: int) -> memoryview:
        """The next `count` bytes, fewer only at the end."""
        while len(self.data) - self.at < count:
            piece = next(self.pieces, b"")
            if not piece:
                break
            self.data, self.at = self.data[self.at :] + piece, 0
        return memoryview(self.data)[self.at : self.at + count]

    def take(self, count: int) -> memoryview:
        """The same, which are then behind."""
        taken = self.peek(count)
        self.at += len(taken)
        return taken


class Output:
    """The restored file: members are inflated in parallel and written in place, the SHA-256 is fed in order."""

    def __init__(self, drill: Drill) -> None:
        self.drill, self.size, self.bytes_ahead = drill, 0, 0
        self.limit, self.expected = drill.order["database_bytes"], drill.order["raw_sha256"]
        self.digest = hashlib.sha256()
        self.hashed: Future[Any] = drill.run.inflaters.submit(bool)
        self.ahead: deque[tuple[Future[list[bytes]], int]] = deque()
        self.file = os.open(drill.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def claim(self, count: int) -> int:
        """The offset of the next `count` bytes; stops where the database would be larger than it may be."""
        offset, self.size = self.size, self.size + count
        if self.limit is not None and self.size > self.limit:
            raise FailedError(f"the archive holds more than the {self.limit} bytes recorded")
        while self.limit is None and self.size > self.drill.reserved:
            self.drill.run.room.reserve(self.drill, ROOM_STEP, patient=False)
        return offset

    def member(self, packed: memoryview, raw_size: int) -> None:
        """One of our members, handed to another core; at most a few are in memory."""
        offset, weight = self.claim(raw_size), len(packed) + raw_size
        while self.ahead and (len(self.ahead) > CORES + 1 or self.bytes_ahead + weight > IN_FLIGHT):
            self.settle()
        self.ahead.append((self.drill.run.inflaters.submit(inflate, packed, raw_size, self.file, offset), weight))
        self.bytes_ahead += weight

    def append(self, raw: bytes) -> None:
        """Bytes of a foreign member."""
        while self.ahead:
            self.settle()
        write(self.file, raw, self.claim(len(raw)))
        self.hash([raw])

    def settle(self) -> None:
        """Wait for the oldest member, whose bytes are the next of the digest."""
        future, weight = self.ahead.popleft()
        self.bytes_ahead -= weight
        self.hash(future.result())

    def hash(self, pieces: list[bytes]) -> None:
        """On another core, after all that went before; only where there is a digest to compare."""
        if self.expected:
            self.hashed.result()
            self.hashed = self.drill.run.inflaters.submit(self.digest_all, pieces)

    def digest_all(self, pieces: list[bytes]) -> None:
        """The next bytes of the database."""
        for piece in pieces:
            self.digest.update(piece)

    def finish(self) -> None:
        """The database is whole, and the recorded one."""
        while self.ahead:
            self.settle()
        self.hashed.result()
        if self.size == 0:
            raise FailedError("the archive holds 0 bytes, which is no database")
        if self.limit not in (None, self.size):
            raise FailedError(f"the database has {self.size} bytes, {self.limit} were recorded")
        self.drill.database_bytes = self.size
        if self.expected not in (None, self.digest.hexdigest()):
            raise FailedError(f"the database's SHA-256 is {self.digest.hexdigest()}, {self.expected} was recorded")

    def close(self) -> None:
        """Nobody writes any more when the file's number may be given to another file."""
        wait([future for future, _ in self.ahead if not future.cancel()])
        os.close(self.file)


def consume(digest: Any, pieces: list[bytes]) -> None:
    """Feed the pieces to the digest, in their order."""
    for piece in pieces:
        digest.update(piece)


def unpack(source: Input, output: Output) -> None:
    """All gzip members in a row and nothing else, whoever wrote them (RFC 1952)."""
    first = True
    while source.peek(1):
        head = bytes(source.peek(OUR_HEADER.size))
        if head[:2] != b"\x1f\x8b":
            raise FailedError("this is no gzip file" if first else "garbage follows the last gzip member")
        ours = OUR_HEADER.unpack(head) if len(head) == OUR_HEADER.size else ()
        if ours[:4] == (b"\x1f\x8b\x08\x04", 12, b"P9", 8):
            size, raw_size = ours[4:]
            if not OUR_HEADER.size < size <= MEMBER_MAX or raw_size > MEMBER_MAX:
                raise FailedError("a gzip member claims a size that none of ours has")
            packed = source.take(size)
            if len(packed) < size:
                raise FailedError(TRUNCATED)
            output.member(packed, raw_size)
        else:
            stream(source, output)
        first = False
    if first:
        raise FailedError("the archive is empty")


def stream(source: Input, output: Output) -> None:
    """A member that does not say its size."""
    inflater, count, data = zlib.decompressobj(31), 4096, b""
    while not inflater.eof:
        if not data:
            data, count = bytes(source.take(count)), min(2 * count, 256 << 10)
            if not data:
                raise FailedError(TRUNCATED)
        try:
            raw = inflater.decompress(data, INFLATED)
        except zlib.error as error:
            raise damaged(error) from None
        output.append(raw)
        data = inflater.unconsumed_tail
    source.at -= len(inflater.unused_data)


def inflate(packed: memoryview, raw_size: int, file: int, offset: int) -> list[bytes]:
    """One whole member of exactly the sizes that it claims, written at its place; zlib compares CRC and length."""
    inflater, pieces, size = zlib.decompressobj(31), [], 0
    for at in range(0, len(packed), SLICE):  # small pieces stay in the processor's cache
        try:
            raw = inflater.decompress(packed[at : at + SLICE], raw_size - size + 1)
        except zlib.error as error:
            raise damaged(error) from None
        size += len(raw)
        if size > raw_size or inflater.unconsumed_tail or inflater.unused_data:
            break
        write(file, raw, offset + size - len(raw))
        pieces.append(raw)
    if not inflater.eof or inflater.unused_data or size != raw_size:
        raise FailedError("a gzip member is not of the size that it claims")
    return pieces


def damaged(error: zlib.error) -> Exception:
    """zlib's verdict; running out of memory (-4) is none."""
    return (InconclusiveError if "Error -4 " in str(error) else FailedError)(f"the gzip data is damaged: {error}")


def write(file: int, raw: bytes, offset: int) -> None:
    """All of it."""
    rest = memoryview(raw)
    while rest:
        done = os.pwrite(file, rest, offset)
        rest, offset = rest[done:], offset + done


# ---- who carries it out, and cleans up


class Room:
    """The disk's free bytes, shared out, so that databases drilled at once do not fill it together."""

    def __init__(self, folder: str) -> None:
        disk = os.statvfs(folder)
        self.free = disk.f_bavail * disk.f_frsize
        self.free -= min(ROOM_LEFT, self.free // 20)
        self.taken, self.changed = 0, threading.Condition()

    def reserve(self, drill: Drill, count: int, patient: bool) -> None:
        """Room for a database; the patient wait as long as others may give some back."""
        with self.changed:
            while self.taken + count > self.free:
                if not patient or not self.taken:
                    raise InconclusiveError(
                        f"no room on the disk: {drill.reserved + count} bytes needed, {self.free} free"
                    )
                drill.run.check()
                self.changed.wait(0.2)
            self.taken += count
            drill.reserved += count

    def release(self, drill: Drill) -> None:
        """All of a database's room."""
        with self.changed:
            self.taken, drill.reserved = self.taken - drill.reserved, 0
            self.changed.notify_all()


class Run:
    """What the databases of one run share."""

    def __init__(self, order: dict[str, Any], folder: str) -> None:
        self.folder, self.progress = folder, order.get("progress", False)
        self.room, self.inflaters = Room(folder), ThreadPoolExecutor(CORES)
        self.opener = urllib.request.build_opener(
            NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context())
        )
        self.stopped, self.reason = threading.Event(), ""

    def check(self) -> None:
        """Goes on only while the run does."""
        if self.stopped.is_set():
            raise InconclusiveError(self.reason)

    def pause(self, seconds: float) -> None:
        """Waits, no longer than the run lasts."""
        self.stopped.wait(seconds)
        self.check()


class Drill:
    """One database's drill: its order, how far it came, and what was found."""

    def __init__(self, order: dict[str, Any], run: Run, number: int) -> None:
        self.order, self.run, self.path = order, run, Path(run.folder, f"{number}.db")
        self.seconds = {step.__name__: 0.0 for step in STEPS}
        self.details: dict[str, str] = {}
        self.step, self.since, self.said = "download", time.monotonic(), 0.0
        self.verdict, self.culprit, self.whole, self.reserved = "", "", False, 0
        self.sha256: str | None = None
        self.gzip_bytes: int | None = None
        self.database_bytes: int | None = None
        self.counts: dict[str, int] | None = None
        self.unrecorded: list[str] = []
        self.connection: sqlite3.Connection | None = None

    def carry_out(self) -> None:
        """All five steps, or as far as they go; the database's file is gone afterwards."""
        try:
            self.run.check()
            self.since, handed = time.monotonic(), None
            for step in STEPS:
                with self.during(step.__name__):
                    handed = step(self, handed)
                if step in (download, checksum):
                    handed = self.timed(step.__name__, handed)
            self.verdict = "passed"
        except FailedError as error:
            self.end("failed", str(error))
        except InconclusiveError as error:
            self.end("inconclusive", str(error))
        except OSError as error:
            why = "no room on the disk" if error.errno in NO_ROOM else "it could not be carried out"
            self.end("inconclusive", f"{why}: {error.strerror}")
        except BaseException as error:  # whatever it is, it is no verdict; its text may hold the link
            self.end("inconclusive", f"it was cut short by {type(error).__name__}")
        finally:
            if self.connection:
                self.connection.close()
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            self.run.room.release(self)

    def end(self, verdict: str, detail: str) -> None:
        """It ends in the step that failed, which in the pass of the first three is the earliest that is not done."""
        self.culprit = self.culprit or self.step
        if self.culprit in ("checksum", "decompress") and self.gzip_bytes is None:
            self.culprit = "download"
        elif self.culprit == "decompress" and not self.whole:
            self.culprit = "checksum"
        self.details[self.culprit], self.verdict = detail[:600], verdict

    @contextlib.contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Charges the time to this step, and the exception to the innermost."""
        outer = self.turn_to(step)
        try:
            yield
        except BaseException:
            self.culprit = self.culprit or step
            raise
        finally:
            self.turn_to(outer)

    def turn_to(self, step: str) -> str:
        """From now on the time goes to `step`; returns the one before."""
        now, before = time.monotonic(), self.step
        self.seconds[before] += now - self.since
        self.step, self.since = step, now
        return before

    def timed(self, step: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, the time to make them charged to `step`."""
        while True:
            with self.during(step):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def say(self, step: str, done: int = 0, total: int | None = None) -> None:
        """Progress for who watches; not oftener than ten times a second."""
        now = time.monotonic()
        if self.run.progress and (total is None or done == total or now - self.said > 0.1):
            self.said = now
            line = {
                "name": self.order["name"],
                "step": step,
                **({} if total is None else {"done": done, "total": total}),
            }
            try:
                os.write(2, (json.dumps(line) + "\n").encode())
            except OSError:
                self.run.progress = False  # nobody watches any more

    def result(self, brief: bool) -> dict[str, Any]:
        """All that was found; the brief form leaves out what equals the order, which the reader knows."""
        steps = []
        for name, seconds in self.seconds.items():
            verdict = self.verdict if name == self.culprit else "passed"
            steps.append([name, verdict, round(seconds, 3), self.details.get(name, "")])
            if name == self.culprit:
                break
        found: dict[str, Any] = {
            "sha256": self.sha256,
            "gzip_bytes": self.gzip_bytes,
            "database_bytes": self.database_bytes,
        }
        found["rows"] = self.counts
        digests = {digest for _, digest in self.order["sha256"]}
        known = {**self.order, "sha256": digests.pop() if len(digests) == 1 else None}
        known["rows"] = (self.order["tables"] or {}).get("rows")
        left_out = {key for key in found if brief and found[key] is not None and found[key] == known[key]}
        found = {key: value for key, value in found.items() if key not in left_out}
        return {
            "name": self.order["name"],
            "verdict": self.verdict,
            "steps": steps,
            **found,
            "unrecorded": self.unrecorded,
        }


def roots() -> list[str]:
    """Where temporary files may lie, the best first."""
    if os.environ.get("TMPDIR"):
        return [os.environ["TMPDIR"]]
    found = [path for path in ("/var/tmp", "/tmp") if Path(path).is_dir()]  # noqa: S108
    return sorted(found, key=lambda path: -shutil.disk_usage(path).free)


def sweep() -> None:
    """Removes what a drill left behind that was killed; nobody else's, and no link is followed."""
    for root in roots():
        for entry in Path(root).iterdir():
            if not entry.name.startswith((FOLDER, RESULT)):
                continue
            with contextlib.suppress(OSError):
                found = entry.lstat()
                if found.st_uid != os.geteuid() or time.time() - found.st_mtime < STALE:
                    continue
                if stat.S_ISDIR(found.st_mode):
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink()


def line(order: dict[str, Any], payload: str, part: int) -> tuple[str, int]:
    """The result line of one part, and how many parts there are."""
    digest = hashlib.sha256(payload.encode()).hexdigest()
    overhead = len(f"PILLAR9 {order['nonce']} 9999/9999 {digest} \n")
    size = len(payload) if order["budget"] is None else max(1, order["budget"] - overhead)
    parts = max(1, -(-len(payload) // size))
    piece = payload[(part - 1) * size : part * size]
    return f"PILLAR9 {order['nonce']} {part}/{parts} {digest} {piece}", parts


def tell(order: dict[str, Any], drills: list[Drill]) -> None:
    """The whole result as the last line; where it takes more than one, it is kept for `fetch`."""
    versions = {"sqlite": sqlite3.sqlite_version, "python": platform.python_version()}
    found = {**versions, "databases": [drill.result(order["budget"] is not None) for drill in drills]}
    packed = zlib.compress(json.dumps(found, separators=(",", ":")).encode(), 9)
    payload = base64.b85encode(packed).decode()
    text, parts = line(order, payload, 1)
    if parts > 1:
        path = Path(roots()[0], RESULT + order["nonce"])
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(payload)
    print(text, flush=True)


def fetch_part(order: dict[str, Any]) -> int:
    """A later part of a result that took more than one line."""
    for root in roots():
        path = Path(root, RESULT + order["nonce"])
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:  # noqa: PTH123
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    continue
                payload = file.read()
        except FileNotFoundError:
            continue
        print(line(order, payload, order["fetch"])[0], flush=True)
        if order["last"]:
            path.unlink()
        return 0
    return 1


def run(order: dict[str, Any]) -> int:
    """Carries out an order; the exit code is 0 if the result line was printed, whatever it tells."""
    if "fetch" in order:
        return fetch_part(order)
    deadline = time.monotonic() + order["deadline"]
    faulthandler.dump_traceback_later(order["deadline"] + 60, exit=True)  # should even the main thread hang
    events: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: events.put(received))
    sweep()
    folder = tempfile.mkdtemp(prefix=FOLDER, dir=roots()[0])
    try:
        shared = Run(order, folder)
        drills = [Drill(database, shared, number) for number, database in enumerate(order["databases"])]
        received = attend(drills, shared, events, deadline)
    finally:
        for _ in range(5):
            shutil.rmtree(folder, ignore_errors=True)
    if received:
        return 128 + received
    tell(order, drills)
    return 0


def attend(drills: list[Drill], shared: Run, events: queue.SimpleQueue[int | None], deadline: float) -> int:
    """Waits for the drills, the deadline or a signal, whose number is returned; nobody works on for long after it."""
    todo = iter(drills)

    def work() -> None:
        for drill in todo:
            drill.carry_out()
            events.put(None)

    for _ in range(min(DATABASES_AT_ONCE, len(drills))):
        threading.Thread(target=work, daemon=True).start()
    left, received = len(drills), 0
    while left:
        try:
            event = events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            if shared.stopped.is_set():
                break
            event, shared.reason = 0, "the deadline passed"
        if event is None:
            left -= 1
        elif not shared.stopped.is_set():
            received, deadline = event, time.monotonic() + GRACE
            shared.reason = shared.reason or "it was told to stop"
            shared.stopped.set()
            for drill in drills:
                if drill.connection and not drill.verdict:
                    with contextlib.suppress(sqlite3.ProgrammingError):
                        drill.connection.interrupt()
    for drill in drills:
        if not drill.verdict:
            drill.end("inconclusive", shared.reason)
    return received


def main(order: dict[str, Any]) -> None:
    """The program: no thread that hangs keeps the process."""
    code = 1
    try:
        code = run(order)
    except BaseException as error:  # without a line there is no verdict; the error's own text may hold a link
        print(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'no result'}", file=sys.stderr, flush=True)
    finally:
        sys.stdout.flush()
        os._exit(code)
