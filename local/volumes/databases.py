"""SQLite's databases in a volume: each copied as of one moment, recovered, checked, put in the place of its files."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import padded
from local.errors import SourceError
from local.sqlite import snapshot
from local.sqlite.snapshot import SnapshotFacts
from local.volumes.consistency import DatabaseLook
from local.volumes.database_looks import LooksAtVolume, consistent_look
from local.volumes.look import FirstLook, SecondLook
from local.volumes.seen import JOURNAL, SHM, WAL, SeenEntry
from local.volumes.spool import Span, copy_span

# What says of a file that it is no database, rather than that this machine could not tell.
_ITS_OWN_FAULT = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_MISMATCH,
)
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


@dataclass(frozen=True)
class DatabaseInVolume:
    """What stands in the tar at a database's path: a sound snapshot, its digest and size, and what it holds."""

    raw_sha256: str
    raw_bytes: int
    facts: SnapshotFacts


@dataclass(frozen=True)
class VolumeDatabases:
    """A volume's entries with its databases in them as such.

    `databases` by path as `path_text` writes it; `not_databases` are files that begin as one and are kept as they
    are, and why, for a person. `paths` are those of all databases, and of what SQLite keeps beside them;
    `vanished` those of databases that were gone before all of their files were read.
    """

    entries: tuple[SeenEntry, ...]
    databases: dict[str, DatabaseInVolume] = field(default_factory=dict)
    not_databases: tuple[str, ...] = ()
    paths: frozenset[bytes] = frozenset()
    vanished: tuple[bytes, ...] = ()


def with_databases(reader: LooksAtVolume, first: FirstLook, second: SecondLook | None, folder: Path) -> VolumeDatabases:
    """Put a snapshot in the place of each database's files; `second` is None where nobody could write meanwhile.

    Raises SourceError for one that is written to whenever it is looked at, or for want of room in `folder`, and the
    engine's errors.
    """
    by_path = {seen.entry.path: seen for seen in first.entries}
    links: dict[bytes, list[bytes]] = {}
    for seen in first.entries:
        if seen.entry.kind == "hard link":
            links.setdefault(seen.entry.link, []).append(seen.entry.path)
    places = {seen.entry.path: place for place, seen in enumerate(first.entries)}
    databases: dict[str, DatabaseInVolume] = {}
    refused: list[str] = []
    vanished: list[bytes] = []
    paths: set[bytes] = set()
    for path in [seen.entry.path for seen in first.entries if seen.is_database]:
        found: DatabaseInVolume | str | None = _odd_files(path, by_path, links)
        if found is None:
            look = _seen_look(path, by_path)
            if second is not None:
                wal_was_first = places.get(path + WAL, len(places)) < places[path]
                again = None if wal_was_first else _seen_look(path, second.sqlites)
                look = consistent_look(reader, path, look, again, folder)
            _take_over(look, path, by_path)
            if look.database is None:
                vanished.append(path)
                continue
            found = _as_database(path, look, first.spool, folder)
        if isinstance(found, str):
            refused.append(f"{path_text(path)}: {found}")
            continue
        databases[path_text(path)] = found
        by_path[path] = replace(by_path[path], entry=replace(by_path[path].entry, size=found.raw_bytes))
        beside = [path + end for end in (WAL, SHM, JOURNAL)]
        _drop(beside, by_path)
        paths.update((path, *beside))
    return VolumeDatabases(tuple(by_path.values()), databases, tuple(refused), frozenset(paths), tuple(vanished))


def _odd_files(path: bytes, by_path: dict[bytes, SeenEntry], links: dict[bytes, list[bytes]]) -> str | None:
    """Why it is not known which files are the database's; None where it is."""
    for beside in (path + end for end in (WAL, SHM, JOURNAL)):
        if beside in links or (beside in by_path and by_path[beside].entry.kind != "file"):
            return f"{path_text(beside)} is no plain file of one name"
    for beside in (name + end for name in links.get(path, ()) for end in (WAL, JOURNAL)):
        if beside in by_path:
            return f"it has another name too (a hard link), with a file of SQLite's: {path_text(beside)}"
    return None


def _seen_look(path: bytes, by_path: Mapping[bytes, SeenEntry]) -> DatabaseLook:
    return DatabaseLook(by_path.get(path), by_path.get(path + WAL), by_path.get(path + JOURNAL))


def _take_over(look: DatabaseLook, path: bytes, by_path: dict[bytes, SeenEntry]) -> None:
    """What the look saw is what the volume has."""
    for name, seen in ((path, look.database), (path + WAL, look.wal), (path + JOURNAL, look.journal)):
        before = by_path.pop(name, None)
        if before and before.file and seen is None:
            before.file.unlink(missing_ok=True)
        if seen:
            by_path[name] = seen


def _drop(paths: Iterable[bytes], by_path: dict[bytes, SeenEntry]) -> None:
    for path in paths:
        gone = by_path.pop(path, None)
        if gone and gone.file:
            gone.file.unlink()


def _as_database(path: bytes, look: DatabaseLook, spool: Path, folder: Path) -> DatabaseInVolume | str:
    """What is known of the snapshot that is now in the database's file; why there is none, for a person."""
    assert look.database
    assert look.database.file
    beside = {end: seen for end, seen in ((WAL, look.wal), (JOURNAL, look.journal)) if seen and seen.entry.size}
    size = look.database.entry.size + sum(seen.entry.size for seen in beside.values())
    _refuse_no_room(path, 2 * size if beside else size, folder)
    place = folder / "sqlite"
    place.mkdir()
    try:
        source = look.database.file
        if beside:
            # SQLite recovers what it opens, and the files as they are may yet have to be kept.
            source = place / "database"
            shutil.copyfile(look.database.file, source)
        for end, seen in beside.items():
            _copy_content(seen, spool, place / f"database{end.decode()}")
        if look.journal in beside.values() and _is_of_several(place / f"database{JOURNAL.decode()}"):
            return "it is in the midst of a transaction over several databases"
        return _examined(path, source, look.database, place / "snapshot")
    finally:
        shutil.rmtree(place)


def _examined(path: bytes, source: Path, seen: SeenEntry, made: Path) -> DatabaseInVolume | str:
    assert seen.file
    try:
        snapshot.take(source, made)
        facts = snapshot.examine(made)
    except SourceError as error:
        if not _is_its_own_fault(error) or _sha256(seen.file) != seen.sha256:
            raise SourceError(_doing(path), error.came_back, error.mend) from error
        return error.came_back
    made.replace(seen.file)
    return DatabaseInVolume(_sha256(seen.file).hex(), seen.file.stat().st_size, facts)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _doing(path: bytes) -> str:
    return f"snapshot of {path_text(path)} in the volume"


def _is_its_own_fault(error: SourceError) -> bool:
    """Whether the file is at fault; else it is this machine, and of the file nothing is known."""
    if isinstance(error.__cause__, sqlite3.DatabaseError):
        code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF in _ITS_OWN_FAULT
    return not isinstance(error.__cause__, OSError)


def _copy_content(seen: SeenEntry, spool: Path, target: Path) -> None:
    if seen.file:
        shutil.copyfile(seen.file, target)
    else:
        copy_span(spool, content_span(seen), target)


def content_span(seen: SeenEntry) -> Span:
    """Where in the spool the content stands, without the zeros behind it."""
    assert seen.spooled
    return Span(seen.spooled.at + seen.spooled.length - padded(seen.entry.size), seen.entry.size)


def _is_of_several(journal: Path) -> bool:
    """Whether it names a super-journal, whose absence tells SQLite that the transaction is done
    (https://www.sqlite.org/fileformat2.html#the_rollback_journal).
    """
    with journal.open("rb") as file:
        start = file.read(len(_JOURNAL_MAGIC))
        file.seek(-len(_JOURNAL_MAGIC), 2)
        return start == file.read() == _JOURNAL_MAGIC


def _refuse_no_room(path: bytes, size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        came_back = f"no room for its copies in {folder}: they take {size:,} bytes, {free:,} are free"
        mend = f"free space there: df -h {quote(str(folder))}"
        raise SourceError(_doing(path), came_back, mend)
