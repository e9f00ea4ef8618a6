"""A database that is as it was is not read again; whatever was done to it, or is in doubt, it is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local import clock
from local.backup import database_files, remembered
from local.backup.run import back_up
from local.backup.unread import find_unread
from local.backup.upload import SnapshotUpload
from local.events import Event
from local.report import BackedUpDatabase
from local.settings import AzureSettings, Database, StoreSettings
from local.store import catalog, layout
from local.store.catalog import Point
from local.store.open import open_repository
from local.store.repository import Repository
from tests.support.workshop import Workshop, make_database

REST_SECONDS = 0.05
UNCOUNTED = ("lock", ".pillar9-lock", "config.json")


@dataclass
class Machine:
    """Backups of some databases from one machine, in this process; a file has rested after REST_SECONDS."""

    settings: StoreSettings
    folder: Path
    databases: dict[str, Database] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    before_the_copy: Callable[[], None] = lambda: None

    def add(self, name: str = "costs", **more: Any) -> Path:
        """Another database of 1,000 rows."""
        path = self.folder / f"{name}.db"
        make_database(path)
        self.databases[name] = Database(name=name, path=path, **more)
        return path

    def run(self, **options: Any) -> dict[str, BackedUpDatabase]:
        """What one run says of each database."""

        def watch(event: Event) -> None:
            self.told.append(event.text)
            if event.text.startswith("snapshot of"):
                self.before_the_copy()

        opening = partial(open_repository, self.settings, AzureSettings())
        report = back_up(opening, list(self.databases.values()), self.own, watch, **options)
        assert [one.error for one in report.databases if one.error] == []
        return {one.name: one for one in report.databases}

    def read(self, **options: Any) -> dict[str, bool | None]:
        """Which databases a run reads."""
        return {name: one.read for name, one in self.run(**options).items()}

    def settle(self) -> None:
        """Everything is backed up, and known as it is now."""
        time.sleep(REST_SECONDS)
        self.run()
        assert set(self.read().values()) == {False}

    @property
    def own(self) -> Path:
        return self.folder / "own"

    @property
    def repository(self) -> Repository:
        return open_repository(self.settings, AzureSettings())

    def note(self, name: str = "costs") -> Path:
        """The file in which is remembered what was read."""
        return self.own / "read" / f"{name}.json"


@pytest.fixture
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_files, "REST_NS", int(REST_SECONDS * 1e9))


@pytest.fixture
def machine(short_rest: None, store_settings: StoreSettings, tmp_path: Path) -> Machine:  # noqa: ARG001
    return Machine(store_settings, tmp_path)


@pytest.fixture
def folder_machine(short_rest: None, folder_workshop: Workshop, tmp_path: Path) -> Machine:  # noqa: ARG001
    return Machine(folder_workshop.store_settings, tmp_path)


@pytest.fixture
def azure_machine(short_rest: None, azure_store_settings: StoreSettings, tmp_path: Path) -> Machine:  # noqa: ARG001
    return Machine(azure_store_settings, tmp_path)


@pytest.fixture
def applications() -> Iterator[Callable[[Path], sqlite3.Connection]]:
    """Programs that have a database open; this process's own SQLite is the one that backs up."""
    opened: list[sqlite3.Connection] = []

    def open_one(path: Path) -> sqlite3.Connection:
        opened.append(sqlite3.connect(path, isolation_level=None))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def elsewhere(path: Path, *statements: str) -> None:
    """What another program does, which then ends as if it were killed: it leaves its `-wal`."""
    program = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    program += "for statement in sys.argv[2:]: c.execute(statement).fetchall()\nos._exit(0)"
    subprocess.run([sys.executable, "-c", program, str(path), *statements], check=True)


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def executed(statement: str, path: Path) -> None:
    execute(path, statement)


def killed_after(statement: str, path: Path) -> None:
    elsewhere(path, statement)


CHANGE = "UPDATE tasks SET title = 'changed' WHERE id = 7"


def content(path: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM tasks").fetchall()


def stored_content(machine: Machine, name: str, target: Path) -> list[tuple[int, str]]:
    point = catalog.choose(machine.repository.points(), name)
    assert point
    path = machine.repository.store.local_path(point.entry)
    assert path
    target.write_bytes(subprocess.run(["gunzip", "-c", str(path)], capture_output=True, check=True).stdout)
    return content(target)


def tree(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file but the locks and the configuration, with its inode and when it was written."""
    files = (path for folder in folders for path in folder.rglob("*") if path.name not in UNCOUNTED)
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_a_user_sees_that_nothing_was_read_and_nothing_is_written(folder_workshop: Workshop, tmp_path: Path) -> None:
    closed, opened = folder_workshop.add("closed"), folder_workshop.add("opened")
    with closing(sqlite3.connect(opened, isolation_level=None)) as application:
        application.execute(CHANGE)
        time.sleep(2.1)
        first = folder_workshop.document("backup")["databases"]
        store = Path(folder_workshop.store_settings.url.removeprefix("file://"))
        before = tree(store, tmp_path / "cache", closed.parent)

        done = folder_workshop.invoke("backup")

        after = tree(store, tmp_path / "cache", closed.parent)
        assert "opened: unchanged, and not read: its files are as they were" in done.stdout
        assert "changed 0.0%, not read" in done.stdout
        assert after == before
        full = folder_workshop.document("backup", "--full")["databases"]
    told = ("verdict", "blob", "backup_time", "sha256", "database_bytes", "gzip_bytes")
    assert [one["read"] for one in first + full] == [True] * 4
    assert [[one[key] for key in told] for one in first] == [[one[key] for key in told] for one in full]


def test_a_run_in_between_records_what_a_full_one_would(machine: Machine) -> None:
    machine.add()
    machine.settle()
    (before,) = machine.repository.points()
    assert before.recorded.taken
    earlier = layout.changed(before.recorded, taken=before.recorded.taken - timedelta(minutes=16))
    machine.repository.store.repeat(before.entry.name, before.entry, layout.encode_metadata(earlier))

    checked = machine.run(finish=SnapshotUpload.preview)["costs"]
    (untouched,) = machine.repository.points()
    done = machine.run()["costs"]

    (after,) = machine.repository.points()
    assert (checked.read, done.read, done.changed) == (False, False, 0.0)
    assert untouched.recorded.unchanged_until is None
    assert after.recorded.unchanged_until
    assert after.recorded.unchanged_until > before.recorded.taken
    assert layout.changed(after.recorded, unchanged_until=None) == earlier


def test_a_lost_sidecar_is_written_again_without_reading(machine: Machine) -> None:
    machine.add()
    machine.settle()
    (point,) = machine.repository.points()
    sidecar = layout.sidecar_name(point.entry.name)
    line = machine.repository.store.read(sidecar)
    machine.repository.store.write(sidecar, b"0" * 64 + b"  costs.db.gz\n")

    assert machine.read() == {"costs": False}

    assert machine.repository.store.read(sidecar) == line


def one_byte(path: Path) -> None:
    before = path.stat()
    raw = path.read_bytes()
    place = raw.rindex(b"task 500")
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"TASK 500")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def renamed_into_place(path: Path) -> None:
    new = path.with_name(f"{path.name}.new")
    shutil.copy2(path, new)
    execute(new, "UPDATE tasks SET title = upper(title) WHERE id = 3", "PRAGMA wal_checkpoint(TRUNCATE)")
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    assert new.stat().st_size == path.stat().st_size
    new.replace(path)


def wal_begun_anew(path: Path) -> None:
    """The same size and the same number of frames, and its mtime put back."""
    wal = path.with_name(f"{path.name}-wal")
    before = wal.stat()
    elsewhere(path, "PRAGMA wal_autocheckpoint=0", "PRAGMA wal_checkpoint(RESTART)", CHANGE)
    os.utime(wal, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_of_the_same_name(path: Path) -> None:
    """The path leads to another file by now, which is the same inode under a further name."""
    path.rename(path.with_name(f"{path.name}.moved"))
    path.symlink_to(path.with_name(f"{path.name}.moved"))


def hot_journal(path: Path) -> None:
    path.with_name(f"{path.name}-journal").write_bytes(bytes(512))


def link(path: Path) -> None:
    os.link(path, path.with_name(f"{path.name}.link"))


HARMS: dict[str, Callable[[Path], None]] = {
    "one-byte": one_byte,
    "renamed": renamed_into_place,
    "commit": partial(executed, CHANGE),
    "left-in-the-wal": partial(killed_after, CHANGE),
    "wal-begun-anew": wal_begun_anew,
    "checkpoint": partial(executed, "PRAGMA wal_checkpoint(TRUNCATE)"),
    "vacuum": partial(executed, "VACUUM"),
    "journal-mode": partial(executed, "PRAGMA journal_mode=delete"),
    "hot-journal": hot_journal,
    "hard-link": link,
    "symlink": another_of_the_same_name,
}
# These have a -wal with frames before that, which a killed program left.
WITH_WAL = ("wal-begun-anew", "checkpoint", "looked-at")


def test_whatever_was_done_to_a_database_it_is_read(folder_machine: Machine, tmp_path: Path) -> None:
    paths = {name: folder_machine.add(name) for name in (*HARMS, "as-it-was", "looked-at")}
    for name in WITH_WAL:
        killed_after("UPDATE tasks SET title = 'killed' WHERE id = 8", paths[name])
    folder_machine.settle()

    for name, harm in HARMS.items():
        harm(paths[name])
    with closing(sqlite3.connect(paths["looked-at"])) as reader:
        reader.execute("SELECT count(*) FROM tasks").fetchone()
        found = folder_machine.read()

    assert found == {name: name in HARMS for name in paths}
    for name, path in paths.items():
        assert stored_content(folder_machine, name, tmp_path / "stored.db") == content(path)


def test_a_restore_in_place_is_read(folder_workshop: Workshop) -> None:
    path = folder_workshop.add("costs")
    time.sleep(2.1)
    folder_workshop.invoke("backup")
    assert [one["read"] for one in folder_workshop.document("backup")["databases"]] == [False]

    assert folder_workshop.invoke("restore", "costs", "--live", "--yes").returncode == 0

    assert path.exists()
    assert [one["read"] for one in folder_workshop.document("backup")["databases"]] == [True]


def test_a_write_in_the_tick_of_the_copy_is_never_missed(folder_machine: Machine, tmp_path: Path) -> None:
    """What was written just before the copy says nothing, so the next run reads again."""
    path = folder_machine.add()
    execute(path, CHANGE)

    assert folder_machine.read() == {"costs": True}
    assert not folder_machine.note().exists()
    assert folder_machine.read() == {"costs": True}
    assert stored_content(folder_machine, "costs", tmp_path / "stored.db") == content(path)


def test_what_was_written_between_the_look_and_the_copy_is_not_remembered(folder_machine: Machine) -> None:
    path = folder_machine.add()
    time.sleep(REST_SECONDS)
    folder_machine.before_the_copy = partial(execute, path, CHANGE)

    assert folder_machine.read() == {"costs": True}

    assert not folder_machine.note().exists()


def test_a_commit_that_was_under_way_during_the_copy_is_in_the_next_one(
    folder_machine: Machine, applications: Callable[[Path], sqlite3.Connection], tmp_path: Path
) -> None:
    """Its frames stood in the -wal and were not visible yet, as while a slow disk syncs them."""
    path = folder_machine.add()
    application = applications(path)
    application.execute("UPDATE tasks SET title = 'former' WHERE id = 7")
    index = os.open(f"{path}-shm", os.O_RDWR)  # open to the end: closing it would drop the application's locks
    before = os.pread(index, 96, 0)
    application.execute(CHANGE)
    after = os.pread(index, 96, 0)
    os.pwrite(index, before, 0)
    time.sleep(REST_SECONDS)
    assert folder_machine.read() == {"costs": True}
    assert (7, "former") in stored_content(folder_machine, "costs", tmp_path / "stored.db")

    os.pwrite(index, after, 0)

    assert folder_machine.read() == {"costs": True}
    assert (7, "changed") in stored_content(folder_machine, "costs", tmp_path / "stored.db")
    assert folder_machine.read() == {"costs": False}


def test_a_database_that_is_held_open_is_not_read_again(
    machine: Machine, applications: Callable[[Path], sqlite3.Connection]
) -> None:
    application = applications(machine.add())
    application.execute(CHANGE)

    machine.settle()

    application.execute("UPDATE tasks SET title = 'again' WHERE id = 7")
    assert machine.read() == {"costs": True}


DOUBTS: dict[str, dict[str, Any]] = {
    "another version of this tool": {"reader": {"tool": "pillar9 0.0.1"}},
    "another SQLite": {"reader": {"sqlite": "3.0.0"}},
    "another boot or machine": {"reader": {"boot": "00000000-0000-0000-0000-000000000000"}},
    "read yesterday": {"read_time": "2026-05-05T12:00:00Z"},
    "read in the future": {"read_time": "2999-05-05T12:00:00Z"},
    "another store": {"content": {"store": "file:///elsewhere sqlite"}},
    "another archive": {"content": {"sha256": "ab" * 32}},
    "another day's blob": {"content": {"blob": "sqlite/2026-05-05/costs.db.gz"}},
    "another file": {"files": {"inode": 1}},
    "another device": {"files": {"device": 1}},
    "a field that is none": {"files": {"inode": "one"}},
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_what_is_remembered_is_not_believed_where_it_is_in_doubt(folder_machine: Machine, doubt: str) -> None:
    folder_machine.add()
    folder_machine.settle()
    note = json.loads(folder_machine.note().read_bytes())
    for key, value in DOUBTS[doubt].items():
        note[key] = {**note[key], **value} if isinstance(value, dict) else value
    folder_machine.note().write_text(json.dumps(note))

    assert folder_machine.read() == {"costs": True}
    assert folder_machine.read() == {"costs": False}


@pytest.mark.parametrize("harm", ["gone", "cut", "writable for others", "a symlink", "a pipe", "a folder"])
def test_a_note_that_is_not_this_run_s_own_is_as_good_as_none(folder_machine: Machine, harm: str) -> None:
    folder_machine.add()
    folder_machine.settle()
    note = folder_machine.note()
    whole = note.read_bytes()
    if harm == "cut":
        note.write_bytes(whole[:100])
    elif harm == "writable for others":
        note.chmod(0o666)
    else:
        note.rename(note.with_name("elsewhere"))
    if harm == "a symlink":
        note.symlink_to(note.with_name("elsewhere"))
    elif harm == "a pipe":
        os.mkfifo(note)
    elif harm == "a folder":
        note.mkdir()

    assert folder_machine.read() == {"costs": True}

    if harm == "a folder":
        assert any("the next run reads it again, which costs time only" in text for text in folder_machine.told)
    else:
        assert folder_machine.read() == {"costs": False}


def test_the_store_s_newest_archive_must_be_the_one_that_was_kept(machine: Machine) -> None:
    """Another machine, or this one with another cache, backed up another content meanwhile."""
    path = machine.add()
    machine.settle()
    other = Machine(machine.settings, machine.folder / "other")
    other.folder.mkdir()
    execute(other.add(), CHANGE)
    other.run()

    assert machine.read() == {"costs": True}

    (*_, newest) = machine.repository.points()
    assert newest.recorded.raw_bytes == path.stat().st_size


def test_a_point_is_that_content_only_as_this_tool_left_it_on_this_day(folder_machine: Machine) -> None:
    folder_machine.add()
    folder_machine.settle()
    note = remembered.remembered(folder_machine.own, "costs")
    (point,) = folder_machine.repository.points()
    assert note
    now = clock.now()

    def found(of: Point | None) -> bool:
        return find_unread(folder_machine.repository, of, note.content, now, folder_machine.own) is not None

    def recorded(**fields: Any) -> Point:
        return replace(point, recorded=layout.changed(point.recorded, **fields))

    assert found(point)
    assert not found(None)
    assert not found(replace(point, day=point.day - timedelta(days=1)))
    later = now + timedelta(minutes=1)
    for other in (
        {"tool": "pillar9 0"},
        {"sqlite": "3.0"},
        {"sha256": None},
        {"taken": later},
        {"unchanged_until": later},
    ):
        assert not found(recorded(**other))


def test_a_folder_s_archive_that_was_written_to_is_made_anew(folder_machine: Machine, tmp_path: Path) -> None:
    path = folder_machine.add()
    folder_machine.settle()
    (point,) = folder_machine.repository.points()
    archive = folder_machine.repository.store.local_path(point.entry)
    assert archive
    raw = bytearray(archive.read_bytes())
    raw[len(raw) // 2] ^= 1
    archive.write_bytes(raw)

    assert folder_machine.read() == {"costs": True}

    assert stored_content(folder_machine, "costs", tmp_path / "stored.db") == content(path)


@pytest.mark.parametrize("harm", ["no cache", "other blocks"])
def test_a_blob_whose_blocks_are_not_known_to_be_ours_is_compared(azure_machine: Machine, harm: str) -> None:
    azure_machine.add()
    azure_machine.settle()
    (point,) = azure_machine.repository.points()
    if harm == "no cache":
        shutil.rmtree(azure_machine.own / "cache")
    else:
        blob = azure_machine.repository.store.connection.client.get_blob_client(point.entry.name)  # type: ignore[attr-defined]
        blob.upload_blob(b"x" * point.entry.size, overwrite=True, metadata=dict(point.entry.metadata))

    assert azure_machine.read() == {"costs": True}


def test_each_day_s_first_run_reads(folder_machine: Machine) -> None:
    """Yesterday's archive is hashed then, before it is linked."""
    folder_machine.add()
    folder_machine.settle()
    read = remembered.remembered(folder_machine.own, "costs")
    assert read
    tomorrow = read.read_time + timedelta(days=1)

    assert remembered.is_current(read, read.files, read.read_time)
    assert not remembered.is_current(read, read.files, tomorrow)
    assert not remembered.is_current(read, read.files, read.read_time - timedelta(milliseconds=1))


def test_a_database_with_checks_is_always_read(folder_machine: Machine) -> None:
    """They are asked of the content and of the time, and may hold no more though nothing changed."""
    path = folder_machine.add(checks={"young": "SELECT :backup_time < '2026'"})
    time.sleep(REST_SECONDS)

    assert [folder_machine.read() for _ in range(2)] == [{"costs": True}] * 2

    folder_machine.databases["costs"] = Database(name="costs", path=path, rows={"tasks": 5000})
    folder_machine.told.clear()
    assert folder_machine.read() == {"costs": False}
    assert any("table 'tasks' has 1000 rows, its floor is 5000" in text for text in folder_machine.told)


def test_a_check_remembers_nothing(folder_machine: Machine) -> None:
    folder_machine.add()
    folder_machine.settle()
    folder_machine.note().unlink()

    assert folder_machine.read(finish=SnapshotUpload.preview) == {"costs": True}

    assert not folder_machine.note().exists()


def test_a_file_system_that_is_not_known_is_read(folder_machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.mounts.mounted", lambda: (("/", "nfs4"),))
    folder_machine.add()
    time.sleep(REST_SECONDS)

    assert [folder_machine.read() for _ in range(2)] == [{"costs": True}] * 2
