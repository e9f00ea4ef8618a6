"""Why a live database cannot be copied, in terms of what a person must do: SourceError for every error of SQLite."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from local.errors import SourceError
from local.sqlite.header import MAGIC

_WRITE_ERRORS = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
)


@dataclass(frozen=True)
class Attempt:
    """What is being done, for whom; every error of one snapshot is told in these terms."""

    source: Path
    target: Path
    wait: float

    def failed(self, came_back: str, mend: str) -> SourceError:
        """The error that says so."""
        return SourceError(f"snapshot of {self.source}", came_back, mend)


def explain(attempt: Attempt, path: Path, place: Path, error: sqlite3.DatabaseError) -> SourceError:
    """SQLite's error in terms of what a person must do; `place` is the folder that was written to, if any was."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    name = quote(str(path))
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            came_back = f"another process kept it locked for {attempt.wait:g} s ({error})"
            return attempt.failed(came_back, f"see who holds it, and let that program end its transaction: lsof {name}")
        case sqlite3.SQLITE_NOTADB:
            return _not_a_database(attempt, path)
        case sqlite3.SQLITE_CORRUPT:
            return attempt.failed(f"the database is corrupt: {error}", salvage(name))
        case sqlite3.SQLITE_FULL:
            return attempt.failed(f"no room left in {place} ({error})", f"free space there: df -h {quote(str(place))}")
        case sqlite3.SQLITE_IOERR if code in _WRITE_ERRORS:
            return attempt.failed(f"cannot write in {place}: {error}", f"check that disk: df -h {quote(str(place))}")
        case sqlite3.SQLITE_IOERR:
            mend = f"copy the file elsewhere while it can be read, and check the disk it is on: df {name}"
            return attempt.failed(f"the disk fails to deliver it: {error}", mend)
        case sqlite3.SQLITE_READONLY:
            mend = f"open it once as its owner, which repairs it: sqlite3 {name} 'PRAGMA quick_check'"
            return attempt.failed("a killed program left a transaction to roll back, and this user may not", mend)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return forbidden(attempt, path)
    mend = f"try it by hand: sqlite3 {name} 'PRAGMA quick_check'"
    return attempt.failed(f"SQLite {sqlite3.sqlite_version} says: {error}", mend)


def _not_a_database(attempt: Attempt, path: Path) -> SourceError:
    with path.open("rb") as file:
        start = file.read(4096)
    mend = "name the database file itself in invoke.yaml"
    if start.startswith(MAGIC):
        return attempt.failed("the database is corrupt: its header is damaged", salvage(quote(str(path))))
    if path.stat().st_size % 512 == 0 and _is_random(start):
        came_back = "not an SQLite database, or an encrypted one (SQLCipher?): no SQLite header, and random content"
        return attempt.failed(came_back, "let its own program export a plain copy, and name that in invoke.yaml")
    return attempt.failed("this is not an SQLite database: it has no SQLite header", mend)


def _is_random(sample: bytes) -> bool:
    """Entropy like encrypted content; 512 random bytes show about 7.6 bits a byte, 4,096 about 7.95, text at most 5."""
    shares = [count / len(sample) for count in Counter(sample).values()]
    return -sum(share * math.log2(share) for share in shares) > (7.4 if len(sample) < 4096 else 7.8)


def empty(attempt: Attempt) -> SourceError:
    """A database of 0 bytes or 0 pages: sound to SQLite, and a loss to everybody else."""
    mend = "find out what emptied it; invoke backup.list shows which backups there are, and invoke restore NAME --live"
    mend += " --check what one brings back (docs/restore.md)"
    return attempt.failed("the file is empty, which SQLite takes for a database without tables", mend)


def forbidden(attempt: Attempt, path: Path) -> SourceError:
    """The operating system does not let this user read the database."""
    mend = f"look at the rights of the file and its folder: ls -la {quote(str(path.parent))}"
    mend += "; on macOS, launchd's programs also need Full Disk Access (System Settings, Privacy & Security)"
    return attempt.failed("this user may not read the file, or its -wal and -shm", mend)


def salvage(name: str) -> str:
    """What to do about a corrupt database; `name` is quoted for a shell."""
    return f"restore the last good backup; what the file still holds: sqlite3 {name} .recover | sqlite3 salvaged.db"
