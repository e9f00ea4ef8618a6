"""The five steps that prove a backup: download, checksum, decompress, integrity, rows.

Each returns what it found, and what was found is then judged against the order; `backup_drill` calls the first three,
which are one pass: each takes what the one before hands on, piece by piece. The last two are those of a database.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.drill_program.background_digest import BackgroundDigest
from local.drill_program.distrust import distrust
from local.drill_program.download import OVERWRITTEN, archive_pieces, check_size
from local.drill_program.errors import BackupWrongError, NotCarriedOutError, first_few
from local.drill_program.gunzip import ByteReader, UnpackedArchive, gunzip
from local.drill_program.order import BackupOrder
from local.drill_program.restored_file import RestoredContent, RestoredFile
from local.drill_program.tables import DatabaseContent, count_tables, schema_digest
from local.drill_program.work import Stop, Work

# Where a damaged name stands in SQLite's message, Python cannot decode it and raises that in the error's place.
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
# What SQLite says of a damaged file. A schema that it calls malformed may only be one that this build is too old for.
CORRUPT = re.compile("malformed|not a database|corrupt")
UNKNOWN_SCHEMA = re.compile("malformed database schema .* - (?!invalid rootpage|orphan index|.*already)", re.DOTALL)
# A mapped page is read without a call, which pays where indexes are looked up, and counts as this process's memory.
MAPPED_BYTES_MAX = 64 << 20
PROBLEMS_LOOKED_FOR = 20
NOTE_CHARACTERS = 200
# A name in the schema may be as long as a file, and stands in SQLite's message: to search that would take hours.
MESSAGE_CHARACTERS = 2000


@dataclass(frozen=True)
class Decompressed:
    """What was restored of an archive, and what the archive tells of itself."""

    content: RestoredContent
    archive: UnpackedArchive


@dataclass(frozen=True)
class Downloaded:
    """How many bytes came, and whether the blob was written to since it was chosen, its metadata or its content."""

    size_bytes: int
    written_since: bool


def download(work: Work[BackupOrder]) -> Generator[bytes, None, Downloaded]:
    """The archive's bytes in order, exactly as many as the store lists; returns how many."""
    listed, size = work.order.gzip_bytes, 0
    work.room.reserve(work.order.database_bytes or 0, patient=True)
    archive = archive_pieces(work.order, work.stop)
    while True:
        try:
            piece = next(archive)
        except StopIteration as end:
            written_since: bool = end.value
            break
        work.stop.check()
        size += len(piece)
        work.progress.tell("download", size, listed)
        yield piece
    if written_since and size != listed:
        raise NotCarriedOutError(OVERWRITTEN)
    check_size(size, listed)
    return Downloaded(size, written_since)


def checksum(pieces: Iterator[bytes]) -> Generator[bytes, None, str]:
    """The same bytes; returns their SHA-256."""
    digest = BackgroundDigest()
    for piece in pieces:
        digest.feed([piece])
        yield piece
    return digest.hexdigest()


def judge_checksum(order: BackupOrder, sha256: str, written_since: bool) -> str:
    """A note if no SHA-256 was recorded ("" if one was).

    Raises BackupWrongError unless it is the one in the metadata and in the sidecar, NotCarriedOutError where another
    content may have taken the chosen one's place: one that only got new metadata is the same.
    """
    same = bool(order.sha256) and all(expected == sha256 for _, expected in order.sha256)
    if written_since and not same:
        raise NotCarriedOutError(OVERWRITTEN)
    wrong = [f"the {where} says {expected}" for where, expected in order.sha256 if expected != sha256]
    if wrong:
        raise BackupWrongError(f"the archive's SHA-256 is {sha256}, {' and '.join(wrong)}")
    if order.sidecar_problem:
        raise BackupWrongError(order.sidecar_problem)
    return "" if order.sha256 else "no SHA-256 was recorded, so it was not compared"


def decompress(work: Work[BackupOrder], pieces: Iterator[bytes]) -> Decompressed:
    """Restore the content to its file; BackupWrongError unless it is of exactly the size recorded."""
    try:
        with contextlib.closing(RestoredFile(work)) as restored:
            archive = gunzip(ByteReader(pieces), restored)
            return Decompressed(restored.finish(), archive)
    except BaseException:
        for _ in pieces:  # a wrong checksum comes first: read on to the end, where it shows
            pass
        raise


def judge_content(order: BackupOrder, restored: RestoredContent) -> None:
    """Raise BackupWrongError unless the content has the size and, where it is known by now, the SHA-256 recorded."""
    if order.database_bytes not in (None, restored.size_bytes):
        raise BackupWrongError(
            f"the {order.SOURCE} has {restored.size_bytes} bytes, {order.database_bytes} were recorded"
        )
    if restored.sha256 is not None:
        judge_digest(order, restored.sha256)


def judge_digest(order: BackupOrder, sha256: str) -> None:
    """Raise BackupWrongError unless the content's SHA-256 is the one recorded."""
    if order.raw_sha256 not in (None, sha256):
        raise BackupWrongError(f"the {order.SOURCE}'s SHA-256 is {sha256}, {order.raw_sha256} was recorded")


def open_restored(path: Path, stop: Stop) -> sqlite3.Connection:
    """The restored database, for any thread; nothing writes to it, and what SQLite makes beside it goes when it closes.

    Nothing in it runs that could do more than read it, and no statement goes on once the drill is to end.

    Opened for writing, since SQLite reads no CHECK constraints from what is not (build.c, sqlite3AddCheckConstraint).
    Exclusive, so that a database whose header says WAL needs no -shm.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
    distrust(connection, stop.is_set)
    connection.execute("PRAGMA locking_mode=exclusive")
    connection.execute("PRAGMA query_only=on")
    return connection


def integrity(connection: sqlite3.Connection, size_bytes: int, stop: Stop) -> str:
    """A note of the CHECK constraints that the data breaks, or that this SQLite cannot evaluate ("" if none).

    Raises BackupWrongError for whatever else SQLite's full integrity_check says but "ok". A broken CHECK is no damage:
    gzip's checksum and the digests have shown that these are the bytes that were backed up.
    """
    try:
        connection.execute("PRAGMA cache_size=-16000")
        connection.execute(f"PRAGMA mmap_size={min(size_bytes, MAPPED_BYTES_MAX)}")
        problems, note = problems_and_broken_checks(connection, stop)
    except SQLITE_ERRORS as error:
        raise sqlite_error(error, stop) from None
    if problems == ["ok"]:
        return note
    if problems and all(text.startswith("unable to validate") and not CORRUPT.search(text) for text in problems):
        raise NotCarriedOutError(f"SQLite {sqlite3.sqlite_version} here says: {first_few(problems)}")
    raise BackupWrongError(first_few(problems) or "integrity_check said nothing")


def problems_and_broken_checks(connection: sqlite3.Connection, stop: Stop) -> tuple[list[str], str]:
    """What integrity_check says of all but CHECK constraints, and a note of those ("" if all hold)."""
    try:
        problems = integrity_check(connection)
        note = broken_checks(problems)
    except SQLITE_ERRORS as error:
        # It may be the constraint's own: a function of the application's, or json() of what is none ("malformed JSON").
        stop.check()
        problems, note = [], f"CHECK constraints were not all evaluated: {sqlite_message(error)}"[:NOTE_CHARACTERS]
    if note:
        connection.execute("PRAGMA ignore_check_constraints=on")
        problems = integrity_check(connection)
    return problems, note


def integrity_check(connection: sqlite3.Connection) -> list[str]:
    """The first problems that SQLite's full integrity_check finds; ["ok"] if there is none."""
    return [text for (text,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_LOOKED_FOR})")]


def broken_checks(problems: list[str]) -> str:
    """A note of the CHECK constraints that rows break, by table and number of rows; "" if none does."""
    rows_by_table = Counter(text for text in problems if text.startswith("CHECK constraint failed in "))
    told = [f"{text} ({count} row{'s' * (count > 1)})" for text, count in rows_by_table.items()]
    more = f"; no more than {PROBLEMS_LOOKED_FOR} were looked for" if len(problems) >= PROBLEMS_LOOKED_FOR else ""
    return f"as when it was backed up, data breaks its constraints: {first_few(told)}{more}" if told else ""


def rows(connection: sqlite3.Connection, stop: Stop) -> DatabaseContent:
    """Read the schema and count each table; `comparison` says whether that is what was recorded."""
    try:
        return DatabaseContent(schema_digest(connection), count_tables(connection))
    except SQLITE_ERRORS as error:
        raise sqlite_error(error, stop) from None


def sqlite_message(error: Exception) -> str:
    """What SQLite said, also where a damaged name in it is no UTF-8."""
    return error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)


def shortened(message: str) -> str:
    """What SQLite says without the middle of a name that has no end: what went wrong stands behind it."""
    half = MESSAGE_CHARACTERS // 2
    return message if len(message) <= MESSAGE_CHARACTERS else f"{message[:half]}…{message[-half:]}"


def sqlite_error(error: Exception, stop: Stop) -> Exception:
    """What SQLite's error says of the backup: only damage that any version would see makes it wrong.

    Raises NotCarriedOutError where the drill was ended early, which interrupts SQLite.
    """
    text = shortened(sqlite_message(error))
    if CORRUPT.search(text) and not UNKNOWN_SCHEMA.match(text):
        return BackupWrongError(text)
    stop.check()
    return NotCarriedOutError(f"SQLite {sqlite3.sqlite_version} here could not carry it out: {text}")
