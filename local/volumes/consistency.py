"""Whether a database's files, each read by itself while its application runs, are of one moment.

What SQLite writes, and when: https://www.sqlite.org/wal.html (a checkpoint writes into the database, after it the -wal
begins anew, over what it held; else each commit stands behind the one before) and
https://www.sqlite.org/atomiccommit.html (a page is in the -journal before it is changed in the database; the change
counter in the first page counts each commit).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from local.volumes.seen import SeenEntry

_NOTHING = hashlib.sha256().digest()


@dataclass(frozen=True)
class DatabaseLook:
    """A database's files as one look saw them; None for one that is not there."""

    database: SeenEntry | None
    wal: SeenEntry | None
    journal: SeenEntry | None


def contradiction(first: DatabaseLook, second: DatabaseLook) -> str | None:
    """Why the first look's files may be of several moments, for a person; None where they are of one.

    They are where all of the database was the same from before the first look read it until after the second did, and
    whatever was committed to the -wal meanwhile stands behind what the first look saw committed there; provided that
    this look read the database before the -wal: what a checkpoint brought into the one is in the other then.
    """
    if first.database is None or second.database is None:
        return "it came or went"
    if (_content(first.database), first.database.entry.mtime_ns) != (
        _content(second.database),
        second.database.entry.mtime_ns,
    ):
        return "it was written to between two looks at it"
    if _content(first.journal) != _content(second.journal):
        return "a transaction began or ended between two looks at it (its -journal)"
    if first.wal and first.wal.entry.size:
        if second.wal is None or second.wal.entry.size < first.wal.start_bytes:
            return "its -wal was emptied between two looks at it"
        if second.wal.start_sha256 != first.wal.start_sha256:
            return "its -wal began anew between two looks at it"
    return None


def _content(seen: SeenEntry | None) -> tuple[int, bytes]:
    """A -journal of 0 bytes is none, as after `journal_mode=truncate`."""
    return (seen.entry.size, seen.sha256) if seen and seen.entry.size else (0, _NOTHING)
