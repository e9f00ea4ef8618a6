"""What a run remembers of a database, so that a later one need not read it: its files, and where their content is.

It is believed for one UTC day, on the machine that wrote it and until that is started anew, by the same versions of
this tool and of SQLite. Whatever is amiss with it, the database is read.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec

from local import mounts
from local.archive.private_file import open_own
from local.archive.private_folder import make_private
from local.backup.database_files import DatabaseFiles, is_trusted
from local.backup.wal_index import is_all_committed
from local.sqlite.snapshot import SQLITE
from local.store.durable import replace_file
from local.typed import from_json
from local.version import TOOL

_FOLDER = "read"
_LIMIT_BYTES = 64 * 1024
_LINUX_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MACOS_BOOT = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")
_BOOT_SECONDS = 5.0


class ReadingTool(msgspec.Struct, frozen=True):
    """Who read a database: the tool, its SQLite, and one run of one machine, in which no inode changes its meaning."""

    tool: str
    sqlite: str
    boot: str


class KeptContent(msgspec.Struct, frozen=True):
    """Where a content is: the store with its prefix, the blob of the day, the archive's digest, and in a folder the
    archive's ETag (None in Azure).
    """

    store: str
    blob: str
    sha256: str
    etag: str | None


class RememberedRead(msgspec.Struct, frozen=True):
    """The files that were read, by whom and when, and where their content is."""

    files: DatabaseFiles
    reader: ReadingTool
    read_time: datetime
    content: KeptContent


def remembered(folder: Path, name: str) -> RememberedRead | None:
    """What this user's own run wrote of a database into this machine's `folder`; None where that does not read."""
    try:
        with os.fdopen(open_own(_path(folder, name), os.O_RDONLY), "rb") as file:
            return from_json(file.read(_LIMIT_BYTES), RememberedRead)
    except (OSError, ValueError, RecursionError, msgspec.DecodeError):
        return None


def remember(folder: Path, name: str, read: RememberedRead) -> None:
    """Put it in the place of what is remembered; OSError, or ConfigError where the folder is another user's."""
    path = _path(folder, name)
    make_private(path.parent)
    replace_file(path, msgspec.json.encode(read))


def is_current(read: RememberedRead, files: DatabaseFiles, now: datetime) -> bool:
    """Whether the files are those that were read, today, by this reader, and no clock went back since."""
    same_day = read.read_time.date() == now.date()
    return same_day and read.read_time <= now and (read.files, read.reader) == (files, this_tool())


def can_be_remembered(path: Path, files: DatabaseFiles, looked: datetime) -> bool:
    """Whether the files of the database at `path`, looked at then, say all of the content that is read from now on."""
    real = Path(os.path.realpath(path))
    return files.had_rested(looked) and this_tool() is not None and _is_trusted(real) and is_all_committed(real)


@cache
def this_tool() -> ReadingTool | None:
    """This process's own; None where nobody can say when this machine was started."""
    try:
        if sys.platform == "darwin":
            boot = subprocess.run(_MACOS_BOOT, capture_output=True, text=True, check=True, timeout=_BOOT_SECONDS).stdout
        else:
            boot = _LINUX_BOOT.read_text()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return ReadingTool(TOOL, SQLITE, boot.strip()) if boot.strip() else None


def _is_trusted(real: Path) -> bool:
    try:
        return is_trusted(mounts.type_at(mounts.mounted(), str(real)))
    except (OSError, subprocess.SubprocessError):
        return False


def _path(folder: Path, name: str) -> Path:
    return folder / _FOLDER / f"{name}.json"
