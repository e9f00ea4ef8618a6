"""The configured databases as files, and the databases beside them that nobody configured."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from shlex import quote

from local.doctor.check import DoctorCheck
from local.doctor.file_facts import FileFacts, FolderFacts, HangsError, look_at_file, look_at_folder
from local.doctor.file_probe import MAGIC, MOST_FILES
from local.doctor.run import Precondition
from local.output.screen import size
from local.settings import Database

_MISSING = (errno.ENOENT, errno.ENOTDIR)
_FORBIDDEN = (errno.EPERM, errno.EACCES)
_READ_VERSION_OFFSET = 19
_WAL_READ_VERSION = 2
_SHOWN = 8
# Its own limit is told with what to grant, so that the runner's must not come first.
_LIMIT_SECONDS = 20.0


def preconditions(databases: Sequence[Database]) -> tuple[Precondition, ...]:
    """One for each database, and one for what stands beside all of them."""
    each = [
        Precondition(f"database {database.name}", partial(_look, database), _LIMIT_SECONDS) for database in databases
    ]
    folders = tuple(dict.fromkeys(database.path.parent for database in databases))
    beside = Precondition("other databases", partial(_look_beside, databases, folders), _LIMIT_SECONDS * len(folders))
    return (*each, beside)


def judge_file(name: str, path: Path, facts: FileFacts, *, macos: bool) -> DoctorCheck:
    """Whether a backup can read this file; its content is a backup's and a drill's to check."""
    check = partial(DoctorCheck, f"database {name}")
    shown = quote(str(path))
    if facts.errno is not None:
        return _refused(name, path, facts, macos=macos)
    if not facts.regular:
        return check("fail", f"{path} is no regular file", "name the database file itself in invoke.yaml")
    header = bytes.fromhex(facts.header)
    if not header:
        return check("fail", f"{path} is empty", "find out what emptied it; invoke backup.list shows the backups")
    if not header.startswith(MAGIC):
        mend = "name the database file itself in invoke.yaml; an encrypted one needs a plain copy of its own program"
        return check("fail", f"{path} has no SQLite header", mend)
    if len(header) < _READ_VERSION_OFFSET + 1:
        return check("fail", f"{path} is cut off within its header", f"try: sqlite3 {shown} 'PRAGMA quick_check'")
    mode = "WAL" if header[_READ_VERSION_OFFSET] == _WAL_READ_VERSION else "rollback journal"
    return check("ok", f"readable, {size(facts.size_bytes)}, {mode}")


def judge_beside(folder: Path, found: FolderFacts, configured: Collection[str]) -> tuple[DoctorCheck, ...]:
    """What stands in a folder and nobody backs up; `configured` are the devices and inodes of what is backed up."""
    check = partial(DoctorCheck, "other databases")
    if found.errno is not None:
        told = f"{folder} cannot be listed: {os.strerror(found.errno)}"
        return (check("skipped", told, f"try: ls -la {quote(str(folder))}"),)
    strays = sorted(name for name, inode in found.databases.items() if inode not in configured)
    notes = []
    if found.unread:
        notes.append(f"{found.unread} files could not be read")
    if found.cut:
        notes.append(f"only the first {MOST_FILES} files were looked at")
    if strays:
        more = f" and {len(strays) - _SHOWN} more" if len(strays) > _SHOWN else ""
        told = f"{folder} holds SQLite databases that no configuration names: {', '.join(strays[:_SHOWN])}{more}"
        mend = "add them to databases in your settings, or leave them without a backup on purpose"
        return (check("warn", "; ".join([told, *notes]), mend),)
    return (check("ok", "; ".join([f"none in {folder}", *notes])),)


def _refused(name: str, path: Path, facts: FileFacts, *, macos: bool) -> DoctorCheck:
    check = partial(DoctorCheck, f"database {name}", "fail")
    code = facts.errno or 0
    if code in _MISSING:
        return check(f"there is no such file: {path}", "correct this database's path, or bring the file back")
    told = f"{facts.refused} cannot be read: {os.strerror(code)}"
    if code == errno.EPERM and macos:
        return check(f"{told} (macOS protects this folder)", full_disk_access())
    if code in _FORBIDDEN:
        return check(told, f"look at the rights of the file and its folders: ls -la {quote(str(path.parent))}")
    return check(told, f"check the disk that it is on: df {quote(str(path.parent))}")


def full_disk_access() -> str:
    """What to grant on macOS, to which program: the grant is the program's, and lapses when an upgrade replaces it."""
    program = os.path.realpath(sys.executable)
    return f"grant Full Disk Access to {program} (System Settings, Privacy & Security), again after each upgrade of it"


def judge_hang(name: str, path: Path, told: str, *, macos: bool) -> DoctorCheck:
    """A file whose file system does not answer."""
    mend = f"see whether the drive answers: ls -l {quote(str(path))}"
    if macos:
        mend += f"; macOS may be waiting for a permission: {full_disk_access()}"
    return DoctorCheck(f"database {name}", "fail", told, mend)


def _look(database: Database) -> Iterator[DoctorCheck]:
    macos = sys.platform == "darwin"
    try:
        facts = look_at_file(database.path)
    except HangsError as error:
        yield judge_hang(database.name, database.path, str(error), macos=macos)
        return
    yield judge_file(database.name, database.path, facts, macos=macos)


def _look_beside(databases: Sequence[Database], folders: Sequence[Path]) -> Iterator[DoctorCheck]:
    """Every folder before any is judged: a database may be configured by its name in another one (a symlink)."""
    seen: dict[Path, FolderFacts] = {}
    for folder in folders:
        try:
            seen[folder] = look_at_folder(folder)
        except HangsError as error:
            mend = f"see whether the drive answers: ls {quote(str(folder))}"
            yield DoctorCheck("other databases", "fail", str(error), mend)
    paths = {database.path for database in databases}
    configured = {
        inode for folder, found in seen.items() for name, inode in found.databases.items() if folder / name in paths
    }
    for folder, found in seen.items():
        yield from judge_beside(folder, found, configured)
