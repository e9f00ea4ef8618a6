"""The drill of a volume: its tar reads to the end and would harm nobody who unpacks it, each database in it is sound,
and its files and the databases' rows are those recorded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.drill_program.backup_drill import BackupDrill, DrillFindings
from local.drill_program.comparison import ExpectedContent, compare_rows
from local.drill_program.errors import BackupWrongError, NotCarriedOutError, first_few
from local.drill_program.file_list import FileList, leads_out, path_bytes
from local.drill_program.order import VolumeOrder, counts_of_files
from local.drill_program.path_rules import PathRules, refused, told_path
from local.drill_program.restored_file import RestoredContent
from local.drill_program.steps import integrity, open_restored, rows
from local.drill_program.tables import DatabaseContent
from local.drill_program.tar_entries import TarEntry, content_of, read_entries
from local.drill_program.work import Stop, Work

NOT_RECORDED = "not recorded, so not compared: files, bytes and the list of files"


class VolumeDrill(BackupDrill[VolumeOrder]):
    """Carries out the five steps on one volume."""

    def __init__(self, work: Work[VolumeOrder]) -> None:
        super().__init__(work)
        self.listed = FileList()
        self.databases: dict[str, DatabaseContent] = {}

    def findings(self, brief: bool) -> DrillFindings:
        """What was found; in brief without the tables that have the rows recorded."""
        found = self.found
        if not (brief and found.rows and found.recorded):
            return found
        told = {name for name in {**found.rows, **found.recorded} if is_told_in_brief(name, found.rows, found.recorded)}
        return dataclasses.replace(
            found,
            rows={name: count for name, count in found.rows.items() if name in told},
            recorded={name: count for name, count in found.recorded.items() if name in told},
        )

    def expected(self) -> dict[str, Any]:
        """What the findings are where all is as ordered."""
        counts = counts_of_files(self.work.order.files, self.work.order.file_bytes)
        return {**super().expected(), "rows": counts, "recorded": counts}

    def integrity(self, order: VolumeOrder, _: RestoredContent) -> None:
        """The tar to its end, each entry by the rules, and the integrity_check of each database that is recorded."""
        notes, recorded = [], order.databases or {}
        for path, entry in self._entries_of_databases(order).items():
            with named(path):
                note = self._check_database(path, entry, recorded[path]["raw_sha256"])
            notes.append(note and f"{path}: {note}")
        self.notes["integrity"] = first_few([note for note in notes if note])

    def rows(self, order: VolumeOrder) -> None:
        """Files, bytes and the list of files as recorded, and so each database's schema and counts."""
        counted = {"files": self.listed.files, "bytes": self.listed.bytes}
        recorded = counts_of_files(order.files, order.file_bytes)
        databases = {path: (content, (order.databases or {})[path]) for path, content in self.databases.items()}
        for path, (content, known) in databases.items():
            counted.update(named_rows(path, content.tables.rows))
            if recorded is not None:
                recorded.update(named_rows(path, known["rows"]))
        self.found.rows, self.found.recorded = counted, recorded
        notes = [compare_files(order, self.listed)]
        for path, (content, known) in databases.items():
            with named(path):
                note = compare_rows(ExpectedContent(known["schema_sha256"], known["rows"]), content)
            notes.append(note and f"{path}: {note}")
        self.notes["rows"] = first_few([note for note in notes if note])

    def _entries_of_databases(self, order: VolumeOrder) -> dict[str, TarEntry]:
        """Read the tar to its end; returns where the databases stand that are recorded, by their paths."""
        wanted = {path_bytes(path): path for path in order.databases or {}}
        outward = {path_bytes(path) for path in order.outward or ()}
        found: dict[str, TarEntry] = {}
        with self._rules() as rules, self.work.path.open("rb") as tar:
            for entry in read_entries(tar):
                self.work.stop.check()
                rules.add(entry)
                if leads_out(entry) and entry.path not in outward:
                    raise refused(
                        entry, f"it leads out of the volume, to {told_path(entry.link)}, and no record names it"
                    )
                self.listed.add(entry)
                if entry.path in wanted and entry.kind == "file":
                    found[wanted[entry.path]] = entry
            if not self.listed.entries:
                raise BackupWrongError("the tar holds nothing, not even the volume's own folder")
        lacking = [path for path in wanted.values() if path not in found]
        if lacking:
            raise BackupWrongError(f"the record names databases that the tar lacks: {first_few(lacking)}")
        return found

    @contextlib.contextmanager
    def _rules(self) -> Iterator[PathRules]:
        memory = Path(f"{self.work.path}.paths")
        try:
            with contextlib.closing(PathRules(memory)) as rules:
                yield rules
        except sqlite3.Error as error:
            raise NotCarriedOutError(f"the paths in the tar could not be looked at: {error}") from None
        finally:
            memory.unlink(missing_ok=True)

    def _check_database(self, path: str, entry: TarEntry, raw_sha256: str) -> str:
        """Take one database out of the tar for a while, check it and count its tables; returns integrity's note."""
        copy, room, stop = Path(f"{self.work.path}.database"), self.work.room, self.work.stop
        room.reserve(entry.size, patient=False)
        try:
            found = copy_content(self.work.path, entry, copy, stop)
            if found != raw_sha256:
                raise BackupWrongError(f"its SHA-256 is {found}, {raw_sha256} was recorded")
            with contextlib.closing(open_restored(copy, stop)) as self.connection:
                note = integrity(self.connection, entry.size, stop)
                self.databases[path] = rows(self.connection, stop)
            return note
        finally:
            self.connection = None
            copy.unlink(missing_ok=True)
            room.give_back(entry.size)


def copy_content(tar: Path, entry: TarEntry, copy: Path, stop: Stop) -> str:
    """Copy an entry's content to a new file that only this user can read; returns its SHA-256."""
    digest = hashlib.sha256()
    with tar.open("rb") as source, open(  # noqa: PTH123
        os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
    ) as target:
        for piece in content_of(source, entry):
            stop.check()
            target.write(piece)
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """Say of which file in the volume it is that a step ends with."""
    try:
        yield
    except (BackupWrongError, NotCarriedOutError) as error:
        raise type(error)(f"{path}: {error}") from None


def named_rows(path: str, tables: Mapping[str, int]) -> dict[str, int]:
    """The rows of the tables of a database in the volume, each under a name that no other has."""
    return {f"{path}: {table}": count for table, count in tables.items()}


def is_told_in_brief(name: str, rows_found: Mapping[str, int], recorded: Mapping[str, int]) -> bool:
    """Whether a count is told where few words have room: those of the files, and whatever is not as recorded."""
    return name in ("files", "bytes") or rows_found.get(name) != recorded.get(name)


def compare_files(order: VolumeOrder, listed: FileList) -> str:
    """A note that nothing was recorded ("" if it was); BackupWrongError for whatever contradicts the record."""
    wrong = []
    if order.files not in (None, listed.files):
        wrong.append(f"it holds {listed.files} files and folders, recorded: {order.files}")
    if order.file_bytes not in (None, listed.bytes):
        wrong.append(f"its files have {listed.bytes} bytes, recorded: {order.file_bytes}")
    if order.list_sha256 not in (None, listed.sha256):
        wrong.append("the list of its files (names, owners, modes, times, sizes, links) is not the recorded one")
    if wrong:
        raise BackupWrongError(first_few(wrong))
    return NOT_RECORDED if order.list_sha256 is None else ""
