"""A database that is as it was is not read again; whatever was done to it, it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from local.backup.upload import SnapshotUpload
from local.store import layout
from tests.local.backup.unread_machine import (
    CHANGE,
    REST_SECONDS,
    Machine,
    content,
    elsewhere,
    execute,
    executed,
    killed_after,
    stored_content,
    tree,
)
from tests.support.workshop import Workshop


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
