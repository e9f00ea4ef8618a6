"""This machine: Python, the SQLite library, and room for snapshots, drills and a restore."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

from local.doctor.check import DoctorCheck
from local.doctor.file_facts import FILE_SECONDS, HangsError, look_at_file
from local.doctor.run import Precondition
from local.output.screen import size
from local.settings import Database

SqliteVersion = tuple[int, int, int]
OLDEST_PYTHON = (3, 11)
# The WAL-reset bug: https://www.sqlite.org/wal.html#walresetbug, and the release notes of these versions.
_FIRST_WITH_BUG: SqliteVersion = (3, 7, 0)
_MENDED: SqliteVersion = (3, 51, 3)
_BACKPORTS: tuple[SqliteVersion, ...] = ((3, 50, 7), (3, 44, 6))
_DISK_SECONDS = 30.0


@dataclass(frozen=True)
class Room:
    """A folder in which something needs so many bytes, `ample_bytes` of them where all comes at once."""

    name: str
    folder: Path
    needed_bytes: int
    ample_bytes: int
    what: str


def preconditions(databases: Sequence[Database], cache: Path) -> tuple[Precondition, ...]:
    """`cache` is this machine's own folder for the store, in which snapshots are taken."""
    return (
        Precondition("python", lambda: [judge_python(sys.version_info[:3], sys.executable)]),
        Precondition("sqlite", lambda: [judge_sqlite(sqlite3.sqlite_version_info)]),
        Precondition("free space", partial(_look_at_space, databases, cache), _limit_seconds(len(databases))),
    )


def _limit_seconds(databases: int) -> float:
    """Each file has its own limit, and each of these folders may be slow as well."""
    return _DISK_SECONDS + 2 * FILE_SECONDS * databases


def judge_python(version: tuple[int, ...], program: str) -> DoctorCheck:
    """Whether this Python is one that the product is made for."""
    told = f"Python {'.'.join(map(str, version))} ({program}) on {platform.system()} {platform.machine()}"
    if version[:2] < OLDEST_PYTHON:
        return DoctorCheck(
            "python", "fail", f"{told} is older than 3.11", "make the .venv anew with Python 3.11 or later"
        )
    return DoctorCheck("python", "ok", told)


def has_wal_reset_bug(version: SqliteVersion) -> bool:
    """Whether this SQLite may lose or mix transactions of a WAL database whose -wal is reset while another writes."""
    if any(version[:2] == mended[:2] and version >= mended for mended in _BACKPORTS):
        return False
    return _FIRST_WITH_BUG <= version < _MENDED


def judge_sqlite(version: SqliteVersion) -> DoctorCheck:
    """The library that reads the databases here; their applications have their own, which this cannot see."""
    told = f"SQLite {'.'.join(map(str, version))}"
    if has_wal_reset_bug(version):
        told += " has the WAL-reset bug (3.7.0 to 3.51.2), which can corrupt a WAL database that several programs write"
        mend = "use a Python with SQLite 3.51.3 (or 3.50.7, 3.44.6) or later, and look at what your applications use"
        return DoctorCheck("sqlite", "warn", told, mend)
    return DoctorCheck("sqlite", "ok", told)


def rooms(sizes_bytes: Mapping[Path, int], cache: Path, temporary: Path, at_once: int) -> tuple[Room, ...]:
    """What needs room, for live databases of these sizes of which `at_once` are backed up at the same time."""
    largest = sorted(sizes_bytes.values(), reverse=True)
    if not largest:
        return ()
    found = [
        Room("cache folder", cache, largest[0], sum(largest[:at_once]), "a backup"),
        Room("temporary folder", temporary, largest[0], 2 * largest[0], "a drill"),
    ]
    by_folder: dict[Path, int] = {}
    for path, size_bytes in sizes_bytes.items():
        by_folder[path.parent] = max(by_folder.get(path.parent, 0), size_bytes)
    # A restore keeps a copy of the live database, and has the checked one beside it.
    found += [Room("databases' folder", folder, 0, 2 * most, "a restore") for folder, most in by_folder.items()]
    return tuple(found)


def judge_space(room: Room, free_bytes: int, *, writable: bool) -> DoctorCheck:
    """Whether a folder has the room, and is this user's to write where something must be written there."""
    name = f"free space: {room.name}"
    told = f"{size(free_bytes)} free in {room.folder}"
    mend = f"free space there: df -h {quote(str(room.folder))}"
    if room.needed_bytes and not writable:
        rights = f"look at the rights of that folder: ls -ld {quote(str(room.folder))}"
        return DoctorCheck(
            name, "fail", f"{room.folder} cannot be written by this user, and {room.what} needs it", rights
        )
    if free_bytes < room.needed_bytes:
        return DoctorCheck(name, "fail", f"{told}, {room.what} needs {size(room.needed_bytes)}", mend)
    if free_bytes < room.ample_bytes:
        return DoctorCheck(name, "warn", f"{told}, {room.what} may need {size(room.ample_bytes)}", mend)
    return DoctorCheck(name, "ok", f"{told}, {room.what} needs {size(room.ample_bytes)} at most")


def _look_at_space(databases: Sequence[Database], cache: Path) -> Iterator[DoctorCheck]:
    from local.backup.run import SOURCES_AT_ONCE

    sizes: dict[Path, int] = {}
    for database in databases:
        try:
            facts = look_at_file(database.path)
        except HangsError:
            continue  # the check of the database itself tells, and its disk would not answer here either
        if facts.regular:
            sizes[database.path] = facts.size_bytes
    for room in rooms(sizes, cache, Path(tempfile.gettempdir()), SOURCES_AT_ONCE):
        place = existing(room.folder)
        yield judge_space(room, shutil.disk_usage(place).free, writable=os.access(place, os.W_OK))


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: what will be made in it counts against that disk."""
    return next(each for each in (folder, *folder.parents) if each.exists())
