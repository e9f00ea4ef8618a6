"""A consistent copy of a live SQLite database, and what is known of it: the only module that reads the users' files."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote

from local import clock
from local.drill_program.distrust import distrust
from local.drill_program.tables import row_counts, schema_digest
from local.errors import SourceError
from local.sqlite.collations import not_checkable, stand_in
from local.sqlite.live_database import OpenDatabase, open_live
from local.sqlite.sqlite_errors import Attempt, empty, explain, forbidden, salvage

SQLITE = sqlite3.sqlite_version
Advance = Callable[[int], None]
Follow = Callable[[int, int], None]
# Ten terabytes take less; a check without an end would hold the lock against every later run.
CHECK_SECONDS_MAX = 4 * 3600.0
_STEP_BYTES = 16 * 1024 * 1024
# Both measured at 1 GB: a copy that stays in the processor's cache takes 2.1 s, with 64 MB of SQLite's cache 3.2 s;
# quick_check takes 1.0 s with 16 MB, 1.2 s with 2 MB, 1.5 s with 64 MB.
_COPY_CACHE_PAGES = 100
# Of the pages that it copied SQLite holds back as many as its cache has, whatever their size (*measured*; given in KiB,
# that number is of the page size before the copy).
_HELD_BACK_PAGES = 2 * _COPY_CACHE_PAGES
_CHECK_CACHE_KIB = 16_000
_SHOWN_PROBLEMS = 5
_UNLOCKED_ATTEMPTS = 5


@dataclass(frozen=True)
class SnapshotFacts:
    """A sound snapshot: sizes in bytes and pages, rows by table, and the version of SQLite that said so.

    `unchecked` is what nobody but its application can check of it, for a person; None if there is nothing.
    """

    page_size: int
    page_count: int
    user_version: int
    schema_sha256: str
    rows: dict[str, int]
    sqlite: str
    unchecked: str | None


def take(
    source: Path,
    target: Path,
    *,
    wait: float = 30.0,
    advance: Advance = lambda _: None,
    follow: Follow = lambda _, __: None,
) -> datetime:
    """Copy a live database as of one moment into the new file `target` (mode 0600), waiting `wait` seconds for a lock.

    Returns that moment, or one shortly after it: it is looked at inside the read transaction, so whatever was committed
    later is not in the copy, however long the lock was waited for.

    `advance` hears of every 16 MiB or so, in bytes; what it raises ends the copy, which is how another thread stops one
    (`Connection.interrupt` does not). `follow` hears then of the copy's whole size and of how many bytes of it stand in
    the file as they stay, but for the first page, which SQLite writes last; of none where a copy begins anew.

    A WAL database's writers go on meanwhile; in rollback-journal mode a commit waits for the copy. Pages keep their
    positions and the same content gives the same bytes, so the copy's header counts neither changes nor schema versions
    of the source. Raises SourceError; nothing is left at `target` then.
    """
    attempt = Attempt(source, target, wait)
    path = _database_file(attempt)
    _create(attempt)
    try:
        return _copy(attempt, path, advance, follow)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def examine(snapshot: Path) -> SnapshotFacts:
    """What a snapshot holds, after SQLite's quick_check of all of it; no file appears beside it.

    Raises SourceError with the first problems where it is not exactly "ok".
    """
    try:
        with ThreadPoolExecutor(1, "count") as pool:
            facts = pool.submit(_read_facts, snapshot)
            problems = _quick_check(snapshot)
            if problems != ["ok"]:
                raise _unsound("; ".join(problems).replace("\n", " ") or "quick_check said nothing")
            return facts.result()
    except UnicodeDecodeError as error:
        # SQLite's message quotes a name that is no UTF-8, as none but a damaged one is.
        raise _unsound(error.object.decode(errors="replace")) from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _unsound(str(error)) from error
        mend = "its schema may need a newer SQLite or an extension: run invoke with a Python that has them"
        raise SourceError("check of the snapshot", f"SQLite {SQLITE} cannot read all of it: {error}", mend) from error


def _database_file(attempt: Attempt) -> Path:
    # The sidecars of a symlinked database live beside the link's target, which is where SQLite looks for them too.
    path = Path(os.path.realpath(attempt.source))
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        where = f"it leads to {path}, and " if attempt.source.is_symlink() else ""
        where += "there is no such file"
        raise attempt.failed(where, "correct this database's path in invoke.yaml, or bring the file back") from error
    except OSError as error:
        raise attempt.failed(f"cannot be looked at: {error.strerror}", f"try: ls -l {quote(str(path))}") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise attempt.failed(f"the path is {kind}", "name the database file itself in invoke.yaml")
    # The file is not opened here to see: closing it again would drop the locks that another thread's copy of it holds.
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise forbidden(attempt, path)
    if found.st_size == 0:
        raise empty(attempt)
    return path


def _create(attempt: Attempt) -> None:
    try:
        os.close(os.open(attempt.target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        mend = "remove it first" if isinstance(error, FileExistsError) else "check that folder's rights and free space"
        raise attempt.failed(f"cannot create the copy {attempt.target}: {error.strerror}", mend) from error


def _copy(attempt: Attempt, path: Path, advance: Advance, follow: Follow) -> datetime:
    for _ in range(_UNLOCKED_ATTEMPTS):
        try:
            live = open_live(path, attempt.wait)
        except sqlite3.DatabaseError as error:
            raise explain(attempt, path, path.parent, error) from error
        except OSError as error:
            raise attempt.failed(f"cannot be locked: {error.strerror}", f"try: ls -l {quote(str(path))}") from error
        taken = clock.now()
        with closing(live):
            _copy_open(attempt, live, advance, follow)
            if not live.is_torn():
                return taken
        # A copy into a file that has content already would count its schema on from there.
        os.truncate(attempt.target, 0)
    came_back = "the file changed during the copy, which had no lock on it"
    raise attempt.failed(came_back, "back up as the database's owner (or as root), under whose locks it cannot change")


def _copy_open(attempt: Attempt, live: OpenDatabase, advance: Advance, follow: Follow) -> None:
    size = _room(attempt, live.connection)
    try:
        with closing(_writer(attempt.target)) as writer:
            _copy_pages(live.connection, writer, size, advance, follow)
    except sqlite3.DatabaseError as error:
        if not live.is_torn():
            raise explain(attempt, live.path, attempt.target.parent, error) from error


def _writer(target: Path) -> sqlite3.Connection:
    writer = sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode=off", "synchronous=off", "locking_mode=exclusive", f"cache_size={_COPY_CACHE_PAGES}"):
        writer.execute(f"PRAGMA {pragma}")
    return writer


def _room(attempt: Attempt, reader: sqlite3.Connection) -> int:
    """The copy's size in bytes, for which there is room."""
    size = _number(reader, "page_count") * _number(reader, "page_size")
    if size == 0:
        raise empty(attempt)
    free = shutil.disk_usage(attempt.target.parent).free
    if free < size:
        came_back = f"no room for the copy in {attempt.target.parent}: it takes {size:,} bytes, {free:,} are free"
        raise attempt.failed(came_back, f"free space there: df -h {quote(str(attempt.target.parent))}")
    return size


def _copy_pages(
    reader: sqlite3.Connection, writer: sqlite3.Connection, size: int, advance: Advance, follow: Follow
) -> None:
    page_size = _number(reader, "page_size")
    reader.execute(f"PRAGMA cache_size={_COPY_CACHE_PAGES}")
    done = 0

    def stepped(status: int, remaining: int, total: int) -> None:
        nonlocal done
        if status not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE):
            return  # backup() is about to raise it
        copied = (total - remaining) * page_size - done
        done += copied
        advance(copied)
        follow(size, max(0, done - _HELD_BACK_PAGES * page_size))

    follow(size, 0)
    reader.backup(writer, pages=max(1, _STEP_BYTES // page_size), progress=stepped)
    # Whatever a library's version does: a copy that is not whole must not pass for one.
    if done != size:
        raise sqlite3.DatabaseError(f"the copy has {done} of {size} bytes")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _unsound(problems: str) -> SourceError:
    return SourceError("check of the snapshot", f"the database is corrupt: {problems}", salvage("DATABASE"))


def _open_snapshot(snapshot: Path) -> sqlite3.Connection:
    """The copy, of which each statement ends after CHECK_SECONDS_MAX: a view in it may be one without an end."""
    deadline = time.monotonic() + CHECK_SECONDS_MAX
    connection = sqlite3.connect(f"{snapshot.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    distrust(connection, lambda: time.monotonic() > deadline)
    connection.execute(f"PRAGMA cache_size=-{_CHECK_CACHE_KIB}")
    return connection


def _quick_check(snapshot: Path) -> list[str]:
    with closing(_open_snapshot(snapshot)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        try:
            stand_in(connection)
            return _problems(connection, _SHOWN_PROBLEMS)
        except sqlite3.DatabaseError as error:
            # The damage stopped the check itself, and Python dropped the row before that. With room for one problem
            # the check ends there, and tells it.
            return [*_problems(connection, 1), str(error)]


def _problems(connection: sqlite3.Connection, limit: int) -> list[str]:
    return [str(text) for (text,) in connection.execute(f"PRAGMA quick_check({limit})")]


def _read_facts(snapshot: Path) -> SnapshotFacts:
    with closing(_open_snapshot(snapshot)) as connection:
        collations = stand_in(connection)
        return SnapshotFacts(
            page_size=_number(connection, "page_size"),
            page_count=_number(connection, "page_count"),
            user_version=_number(connection, "user_version"),
            schema_sha256=schema_digest(connection),
            rows=row_counts(connection),
            sqlite=SQLITE,
            unchecked=not_checkable(collations),
        )
