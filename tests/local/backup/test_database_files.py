"""What a database's files say: every write to them is another state, whoever hides it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from local.backup import database_files
from local.backup.database_files import DatabaseFiles, is_trusted, look
from tests.support.workshop import make_database

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 1_000_000_000
FILES = DatabaseFiles("'/a.db'", 1, 2, 3, NOON_NS + 1, NOON_NS + 1, None)


def one_byte(path: Path) -> None:
    """The writer puts the mtime back."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_file(path: Path) -> None:
    """Of the same size and mtime, renamed into place."""
    new = path.with_name("new")
    shutil.copy2(path, new)
    new.replace(path)


def hard_link(path: Path) -> None:
    os.link(path, path.with_name("another name"))


def journal(path: Path) -> None:
    path.with_name(f"{path.name}-journal").write_bytes(b"hot")


def wal(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"left by somebody")


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [one_byte, another_file, hard_link, journal, wal, gone])
def test_each_change_is_another_state(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "a.db"
    make_database(path)
    before = look(path)
    assert before == look(path)

    change(path)

    assert before is not None
    assert look(path) != before


def test_a_wal_is_known_by_its_bytes_and_an_empty_one_says_nothing(tmp_path: Path) -> None:
    path, beside = tmp_path / "a.db", tmp_path / "a.db-wal"
    make_database(path)
    without = look(path)
    beside.write_bytes(b"")
    assert look(path) == without
    beside.write_bytes(b"frames 1")
    first, times = look(path), beside.stat()

    beside.write_bytes(b"frames 2")
    os.utime(beside, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert len({without, first, look(path)}) == 3


def test_a_wal_that_is_no_file_or_too_long_leaves_it_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, beside = tmp_path / "a.db", tmp_path / "a.db-wal"
    make_database(path)
    os.mkfifo(beside)
    assert look(path) is None
    beside.unlink()

    monkeypatch.setattr(database_files, "WAL_BYTES_MAX", 3)
    beside.write_bytes(b"four")
    assert look(path) is None


def test_a_symlink_that_leads_elsewhere_is_another_database(tmp_path: Path) -> None:
    one, two, link = tmp_path / "one.db", tmp_path / "two.db", tmp_path / "link.db"
    make_database(one)
    os.link(one, two)
    link.symlink_to(one)
    before = look(link)
    assert before == look(one)

    link.unlink()
    link.symlink_to(two)

    after = look(link)
    assert before is not None
    assert after is not None
    assert after != before
    assert msgspec.structs.replace(after, path=before.path) == before


def test_reading_a_database_changes_nothing_that_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as application:
        application.execute("UPDATE tasks SET title = 'in the wal'")
        before = look(path)
        assert before
        assert before.wal_sha256

        with closing(sqlite3.connect(path)) as reader:
            reader.execute("SELECT count(*) FROM tasks").fetchone()

        assert look(path) == before


@pytest.mark.parametrize(
    ("seconds", "files", "rested"),
    [
        (3.0, FILES, True),
        (1.9, FILES, False),
        (-5.0, FILES, False),
        (3600.0, msgspec.structs.replace(FILES, changed_ns=NOON_NS), False),
        (3.0, msgspec.structs.replace(FILES, modified_ns=NOON_NS - 10**15), True),
        (3.0, msgspec.structs.replace(FILES, modified_ns=NOON_NS + 2 * 10**9), False),
    ],
    ids=["older", "too young", "of the future", "whole seconds", "an mtime that was put back", "a younger mtime"],
)
def test_only_a_stamp_that_no_later_write_can_leave_counts(seconds: float, files: DatabaseFiles, rested: bool) -> None:
    assert files.had_rested(NOON + timedelta(seconds=seconds)) is rested


@pytest.mark.parametrize(
    ("kind", "trusted"),
    [("ext4", True), ("apfs", True), ("btrfs", True)]
    + [
        (kind, False)
        for kind in ("nfs4", "cifs", "smbfs", "virtiofs", "9p", "fuse.sshfs", "vfat", "exfat", "hfs", None)
    ],
)
def test_only_a_local_disk_whose_stamps_tell_of_every_write_is_trusted(kind: str | None, trusted: bool) -> None:
    assert is_trusted(kind) is trusted
