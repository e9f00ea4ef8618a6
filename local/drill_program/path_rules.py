"""Which entries a volume's tar may have: none that would be unpacked outside of the target, or through a link in it.

What the rules must remember of a tar grows with it, so it stands in a small database on the disk and not in memory.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from local.drill_program.errors import BackupWrongError
from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry

KINDS_KEPT = ("file", "hard link", "symlink", "folder", "FIFO")
# What Linux takes (limits.h): of a path, with the NUL behind it, and of each name in it.
PATH_BYTES_MAX = 4095
NAME_BYTES_MAX = 255
TOLD_CHARACTERS = 100


class PathRules:
    """Looks at a tar's entries in their order; `memory` is a new file of its own, which stays behind."""

    def __init__(self, memory: Path) -> None:
        self.kinds = sqlite3.connect(memory, isolation_level=None)
        for pragma in ("journal_mode=off", "synchronous=off", "locking_mode=exclusive", "cache_size=-16000"):
            self.kinds.execute(f"PRAGMA {pragma}")
        self.kinds.execute("CREATE TABLE entry(path BLOB PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID")
        self.kinds.execute("BEGIN")

    def close(self) -> None:
        """Forget all entries."""
        self.kinds.close()

    def add(self, entry: TarEntry) -> None:
        """The next entry; BackupWrongError where no volume's tar may have it."""
        refuse_path(entry)
        before = self.kind_of(entry.path)
        if before and (before, entry.kind) != ("folder", "folder"):
            raise refused(entry, "the path stands in the tar twice")
        if entry.kind == "hard link" and self.kind_of(entry.link) != "file":
            raise refused(entry, f"it links to {told_path(entry.link)}, which is no file before it in the tar")
        self._refuse_way(entry)
        if not before:
            self.kinds.execute("INSERT INTO entry VALUES (?, ?)", (entry.path, entry.kind))

    def kind_of(self, path: bytes) -> str | None:
        """What the tar has there so far, None where it has nothing."""
        found = self.kinds.execute("SELECT kind FROM entry WHERE path = ?", (path,)).fetchone()
        return str(found[0]) if found else None

    def _refuse_way(self, entry: TarEntry) -> None:
        """BackupWrongError where the path goes through what is no folder, whichever of the two comes first.

        The way to a folder that is there was looked at when it came, so the nearest one is enough.
        """
        above = entry.path.rpartition(b"/")[0]
        while above:
            kind = self.kind_of(above)
            if kind == "folder":
                break
            if kind:
                raise refused(entry, f"its path goes through the {kind} {told_path(above)}")
            above = above.rpartition(b"/")[0]
        if entry.kind != "folder":
            below = (entry.path + b"/", entry.path + b"0")  # "0" follows "/"
            if self.kinds.execute("SELECT 1 FROM entry WHERE path > ? AND path < ?", below).fetchone():
                raise refused(entry, "the path of an entry before it goes through it")


def refuse_path(entry: TarEntry) -> None:
    """BackupWrongError where an entry by itself cannot be a volume's: by its kind, its path, or where it links to."""
    parts = entry.path.split(b"/")
    if entry.kind not in KINDS_KEPT:
        raise refused(entry, "no backup holds a device")
    if not entry.path or len(entry.path) > PATH_BYTES_MAX or max(map(len, parts)) > NAME_BYTES_MAX:
        raise refused(entry, "the path is empty, or longer than Linux takes")
    if entry.path.startswith(b"/") or b".." in parts:
        raise refused(entry, "the path leads out of the volume")
    if entry.path == b"." and entry.kind != "folder":
        raise refused(entry, "the volume itself is a folder")
    if entry.kind == "symlink" and not 0 < len(entry.link) <= PATH_BYTES_MAX:
        raise refused(entry, "it leads nowhere, or further than Linux takes")


def refused(entry: TarEntry, why: str) -> BackupWrongError:
    """The error for an entry that may not be in a volume's tar."""
    return BackupWrongError(f"the {entry.kind} {told_path(entry.path)} in the tar is refused: {why}")


def told_path(path: bytes) -> str:
    """A path for a message, without the middle of one that has no end."""
    text = path_text(path)
    half = TOLD_CHARACTERS // 2
    return f"'{text}'" if len(text) <= TOLD_CHARACTERS else f"'{text[:half]}…{text[-half:]}'"
