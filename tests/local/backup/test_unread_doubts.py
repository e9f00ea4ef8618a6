"""A database is read where what is remembered of it, or what the store holds, is in doubt."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local import clock
from local.backup import remembered
from local.backup.unread import find_unread
from local.backup.upload import SnapshotUpload
from local.settings import Database
from local.store import layout
from local.store.catalog import Point
from tests.local.backup.unread_machine import (
    CHANGE,
    REST_SECONDS,
    Machine,
    content,
    execute,
    stored_content,
)

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
