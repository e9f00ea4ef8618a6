"""Looks at a database's file, or at the files of a folder, in a process of its own, and prints what it saw as JSON.

A file system that hangs, or macOS that waits for an answer to its question, then holds up a process that can be ended.
Standard library only; started by `file_facts` as `python -IS file_probe.py file PATH` or `… folder PATH`. The database
is opened as a file, never by SQLite, which could leave a -wal or -shm beside it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys
from typing import Any

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
MOST_FILES = 5000
LIFE_SECONDS = 60
# A file whose content is in iCloud alone, which opening it would fetch (macOS, sys/stat.h).
SF_DATALESS = 0x40000000
# SQLite's own files beside a database, and the copies that a restore keeps.
_NOT_DATABASES = re.compile(r"(-wal|-shm|-journal)$|\.pre-restore-\d+$")


def file_facts(path: str) -> dict[str, Any]:
    """What stands at `path`; `errno` and `refused` (which file) where something could not be looked at."""
    real = os.path.realpath(path)
    facts: dict[str, Any] = {"real": _shown(real)}
    looked_at = real
    try:
        found = os.stat(real)  # noqa: PTH116 - this program loads as little as it can
        facts.update(regular=stat.S_ISREG(found.st_mode), size_bytes=found.st_size)
        if facts["regular"]:
            facts["header"] = _start_of(real, HEADER_BYTES).hex()
            for end in ("-wal", "-shm"):
                looked_at = real + end
                if os.path.lexists(looked_at):
                    facts["size_bytes"] += os.stat(looked_at).st_size if end == "-wal" else 0  # noqa: PTH116
                    _start_of(looked_at, 1)
    except OSError as error:
        facts.update(errno=error.errno, refused=_shown(looked_at))
    return facts


def databases_in(folder: str) -> dict[str, Any]:
    """The names of the SQLite databases in a folder by their inode, as far as they may be read."""
    found: dict[str, Any] = {"databases": {}, "unread": 0, "cut": False}
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number == MOST_FILES:
                    found["cut"] = True
                    break
                _add(entry, found)
    except OSError as error:
        found["errno"] = error.errno
    return found


def _add(entry: os.DirEntry[str], found: dict[str, Any]) -> None:
    if _NOT_DATABASES.search(entry.name):
        return
    try:
        status = entry.stat()
        if getattr(status, "st_flags", 0) & SF_DATALESS:
            found["unread"] += 1
        elif stat.S_ISREG(status.st_mode) and _start_of(entry.path, len(MAGIC)) == MAGIC:
            found["databases"][_shown(entry.name)] = f"{status.st_dev}:{status.st_ino}"
    except OSError:
        found["unread"] += 1


def _shown(name: str) -> str:
    """A name as JSON takes it: one of other bytes than UTF-8 is shown without them."""
    return os.fsencode(name).decode(errors="replace")


def _start_of(path: str, count: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, count)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    # Whoever started it may be gone before it is answered.
    signal.alarm(LIFE_SECONDS)
    kind, place = sys.argv[1:]
    json.dump(file_facts(place) if kind == "file" else databases_in(place), sys.stdout)
