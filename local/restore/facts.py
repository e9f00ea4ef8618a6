"""What is known of a live database before anything is done to it, and of the copy that is to replace it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

import msgspec

from local.restore.claim import real_path
from local.restore.holders import Holders, holders
from local.sqlite.collations import stand_in
from local.sqlite.header import LARGEST_PAGE_BYTES, header_page_bytes
from local.sqlite.live_database import open_live
from local.typed import from_json

SIDECARS = ("-wal", "-shm", "-journal")
LOOK_SECONDS = 10.0
_ROOT = Path(__file__).parents[2]
_WAL_VERSION = 2
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


class LiveState(Enum):
    """What stands at the live path; `DAMAGED` opens and fails its check, `UNREADABLE` is no database to SQLite."""

    SOUND = "sound"
    DAMAGED = "damaged"
    UNREADABLE = "no database"
    EMPTY = "empty"
    MISSING = "missing"
    BUSY = "busy"
    NO_FILE = "not a regular file"
    OUT_OF_REACH = "out of reach"


@dataclass(frozen=True)
class LiveFacts:
    """A live database as it was found; sizes in bytes, `why` in SQLite's or the system's words.

    `path` is the real one. `owner_id`, `group_id` and `mode` are those of the file, or what a new one is to have.
    """

    path: Path
    state: LiveState
    why: str
    size_bytes: int
    page_bytes: int | None
    journal_mode: str | None
    holders: Holders
    owner_id: int
    group_id: int
    mode: int
    user_id: int
    folder_writable: bool
    free_bytes: int


@dataclass(frozen=True)
class ProvenCopyFacts:
    """What the decision needs of a proven copy; `staged_bytes` is what bringing it beside the live one takes."""

    size_bytes: int
    page_bytes: int
    page_count: int
    staged_bytes: int


@dataclass(frozen=True)
class Content:
    """What SQLite finds in a file."""

    state: LiveState
    why: str = ""
    page_bytes: int | None = None
    journal_mode: str | None = None


def look(live: Path) -> LiveFacts:
    """Read all that a restore is decided by; nothing is changed, but that SQLite recovers a hot journal, as it must.

    A file is checked as `quick_check` does, which takes about a second for a gigabyte.
    """
    path = real_path(live)
    content = _content(path)
    owner = _owner(path)
    return LiveFacts(
        path=path,
        state=content.state,
        why=content.why,
        size_bytes=path.stat().st_size if path.is_file() else 0,
        page_bytes=content.page_bytes,
        journal_mode=content.journal_mode,
        holders=holders(path),
        owner_id=owner.st_uid,
        group_id=owner.st_gid,
        mode=stat.S_IMODE(owner.st_mode) if path.is_file() else 0o600,
        user_id=os.geteuid(),
        folder_writable=_may_write(path.parent) and (not path.exists() or _may_write(path)),
        free_bytes=shutil.disk_usage(path.parent).free if path.parent.is_dir() else 0,
    )


def copy_facts(copy: Path, folder: Path) -> ProvenCopyFacts:
    """The facts of a proven copy at `copy`, for a restore whose work folder is beside the live database in `folder`."""
    size = copy.stat().st_size
    with copy.open("rb") as file:
        page = header_page_bytes(file.read(100)) or LARGEST_PAGE_BYTES
    here = folder.is_dir() and copy.stat().st_dev == folder.stat().st_dev
    return ProvenCopyFacts(size, page, size // page, 0 if here else size)


def _content(path: Path) -> Content:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return Content(LiveState.NO_FILE, "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file")
        if found.st_size == 0:
            return Content(LiveState.EMPTY, "the file has 0 bytes")
        # Looked at before any connection of this process is open: closing the file would drop that one's locks.
        with path.open("rb") as file:
            header = file.read(100)
    except (FileNotFoundError, NotADirectoryError):
        return Content(LiveState.MISSING, "there is no such file")
    except OSError as error:
        return Content(LiveState.OUT_OF_REACH, error.strerror or str(error))
    if header_page_bytes(header) is None:
        # Not even opened by SQLite, which would remove or replay what stands beside it.
        return Content(LiveState.UNREADABLE, "it has no header of an SQLite database")
    content = as_sqlite_sees(partial(_looked_at, path))
    if content.state is LiveState.UNREADABLE:
        mode = "wal" if header[18] == _WAL_VERSION else "delete"
        return Content(content.state, content.why, header_page_bytes(header), mode)
    return content


def _looked_at(path: Path) -> Content:
    if not _has_bytes(path.with_name(path.name + "-wal")):
        with closing(open_live(path, LOOK_SECONDS)) as live:
            return examined(live.connection)
    if not os.path.lexists(path.with_name(path.name + "-shm")) and _may_write(path):
        return _by_a_process(path)
    with closing(_open_beside_wal(path)) as connection:
        return examined(connection)


def _by_a_process(path: Path) -> Content:
    """What `look_process` finds, since opened in any other way the database would get a -shm."""
    command = [sys.executable, "-m", "local.restore.look_process", str(path)]
    done = subprocess.run(command, capture_output=True, cwd=_ROOT, stdin=subprocess.DEVNULL, process_group=0)
    try:
        return from_json(done.stdout, Content)
    except msgspec.DecodeError:
        told = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise OSError(0, f"the program that looks at it ended with {done.returncode} {told}".rstrip()) from None


def as_sqlite_sees(look: Callable[[], Content]) -> Content:
    """What `look` finds, or what the error says of the file that SQLite or the system refuses it with."""
    try:
        return look()
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _UNREADABLE:
            return Content(LiveState.UNREADABLE, str(error))
        return Content(LiveState.BUSY if code in _BUSY else LiveState.OUT_OF_REACH, str(error))
    except OSError as error:
        return Content(LiveState.OUT_OF_REACH, error.strerror or str(error))


def _open_beside_wal(path: Path) -> sqlite3.Connection:
    """Read-only, so that closing it neither writes the -wal into the file nor removes it: it may be a stranger's, and
    what is damaged is to be kept byte for byte.
    """
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=LOOK_SECONDS, isolation_level=None)


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def examined(connection: sqlite3.Connection) -> Content:
    """The state, the page size and the journal mode of an open database, as far as SQLite's quick_check tells."""
    page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
    journal_mode = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        stand_in(connection)
        problems = "; ".join(str(text) for (text,) in connection.execute("PRAGMA quick_check(5)"))
    except sqlite3.DatabaseError as error:
        # What SQLite cannot check for want of a module is no damage, and a copy of its pages is a whole one.
        damaged = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _UNREADABLE
        problems = str(error) if damaged else "ok"
    state = LiveState.SOUND if problems == "ok" else LiveState.DAMAGED
    return Content(state, "" if problems == "ok" else problems.replace("\n", " "), page_bytes, journal_mode)


def _owner(path: Path) -> os.stat_result:
    """Of the file, or of the nearest folder above where it is to be."""
    while not path.exists():
        path = path.parent
    return path.stat()


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
