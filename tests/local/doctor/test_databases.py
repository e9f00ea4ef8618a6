"""Configured databases as files, and what stands beside them."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local.doctor import databases
from local.doctor.check import DoctorCheck
from local.doctor.databases import judge_beside, judge_file
from local.doctor.file_facts import FileFacts, FolderFacts, HangsError, look_at_file, look_at_folder
from local.doctor.file_probe import MAGIC
from local.settings import Database
from tests.support.workshop import make_database

PATH = Path("/db/costs.db")
WAL_HEADER = (MAGIC + b"\x10\x00\x02\x02" + bytes(80)).hex()


def facts(**fields: object) -> FileFacts:
    return FileFacts(**{"real": str(PATH), "regular": True, "size_bytes": 8192, "header": WAL_HEADER, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "verdict", "told", "mend"),
    [
        (facts(), "ok", "readable, 8.2 kB, WAL", ""),
        (facts(header=(MAGIC + b"\x10\x00\x01\x01").hex()), "ok", "rollback journal", ""),
        (facts(header=""), "fail", "is empty", "invoke backup.list"),
        (facts(header=b"just some text".hex()), "fail", "no SQLite header", "name the database file itself"),
        (facts(header=MAGIC.hex()), "fail", "cut off within its header", "quick_check"),
        (facts(regular=False, header=""), "fail", "no regular file", "name the database file itself"),
        (facts(errno=errno.ENOENT, regular=None), "fail", "no such file", "correct this database's path"),
        (
            facts(errno=errno.EACCES, refused="/db/costs.db-wal"),
            "fail",
            "/db/costs.db-wal cannot be read",
            "ls -la /db",
        ),
        (
            facts(errno=errno.EPERM, refused=str(PATH)),
            "fail",
            "not permitted (macOS protects",
            "grant Full Disk Access to",
        ),
        (facts(errno=errno.EIO, refused=str(PATH)), "fail", "Input/output error", "df /db"),
    ],
)
def test_a_file_is_judged(found: FileFacts, verdict: str, told: str, mend: str) -> None:
    check = judge_file("costs", PATH, found, macos=True)

    assert (check.name, check.verdict) == ("database costs", verdict)
    assert told in check.message
    assert mend in check.mend
    assert (check.mend == "") == (verdict == "ok")


def test_eperm_elsewhere_than_on_macos_is_a_matter_of_rights() -> None:
    check = judge_file("costs", PATH, facts(errno=errno.EPERM, refused=str(PATH)), macos=False)

    assert check.mend == "look at the rights of the file and its folders: ls -la /db"


@pytest.mark.parametrize(
    ("found", "verdict", "told"),
    [
        (FolderFacts({"costs.db": "1:1"}), "ok", "none in /db"),
        (FolderFacts({"costs.db": "1:1", "same.db": "1:1"}), "ok", "none in /db"),
        (FolderFacts({"costs.db": "1:1", "b.db": "1:3", "a.db": "1:2"}), "warn", "names: a.db, b.db"),
        (FolderFacts({f"{n:02}.db": f"1:{n}" for n in range(2, 20)}), "warn", "09.db and 10 more"),
        (FolderFacts({}, unread=2, cut=True), "ok", "2 files could not be read; only the first 5000 files"),
        (FolderFacts({}, errno=errno.EACCES), "skipped", "/db cannot be listed: Permission denied"),
    ],
)
def test_neighbours_are_judged(found: FolderFacts, verdict: str, told: str) -> None:
    (check,) = judge_beside(Path("/db"), found, {"1:1"})

    assert check.verdict == verdict
    assert told in check.message


def looked_at(*configured: Path) -> list[DoctorCheck]:
    wanted = databases.preconditions([Database(name=path.stem, path=path) for path in configured])
    return [check for each in wanted for check in each.look()]


def test_real_files_are_found_and_nothing_appears_beside_them(tmp_path: Path) -> None:
    make_database(tmp_path / "costs.db")
    make_database(tmp_path / "forgotten.db")
    for name in ("costs.db.pre-restore-1700000000", "copy-wal"):
        (tmp_path / name).write_bytes((tmp_path / "costs.db").read_bytes())
    (tmp_path / "notes.txt").write_text("no database")
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "link.db").symlink_to("costs.db")
    os.symlink("nowhere", os.fsencode(tmp_path) + b"/\xff.db")  # noqa: PTH211 - a name of other bytes
    before = sorted(tmp_path.iterdir())

    costs, pipe, missing, beside = looked_at(tmp_path / "costs.db", tmp_path / "pipe.db", tmp_path / "gone.db")

    assert (costs.verdict, pipe.verdict, missing.verdict) == ("ok", "fail", "fail")
    assert beside.message == f"{tmp_path} holds SQLite databases that no configuration names: forgotten.db; " + (
        "1 files could not be read"
    )
    assert sorted(tmp_path.iterdir()) == before


def test_a_database_that_is_configured_by_a_symlink_elsewhere_is_no_stranger_in_its_own_folder(tmp_path: Path) -> None:
    for name in ("links", "real"):
        (tmp_path / name).mkdir()
    make_database(tmp_path / "real" / "a.db")
    make_database(tmp_path / "real" / "b.db")
    (tmp_path / "links" / "a.db").symlink_to(tmp_path / "real" / "a.db")

    checks = looked_at(tmp_path / "links" / "a.db", tmp_path / "real" / "b.db")

    assert [check.verdict for check in checks] == ["ok"] * 4


def test_the_look_takes_no_lock_from_this_process(tmp_path: Path) -> None:
    """Closing any descriptor of a file drops the locks that its process holds there (POSIX)."""
    make_database(tmp_path / "costs.db")
    with closing(sqlite3.connect(tmp_path / "costs.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        looked_at(tmp_path / "costs.db")
        with (
            closing(sqlite3.connect(tmp_path / "costs.db", timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")


@contextmanager
def unanswered(path: Path) -> Iterator[None]:
    """Opening the file waits until this process gives up its lease (fcntl(2)): what a file system that hangs does."""
    heard = signal.signal(signal.SIGIO, signal.SIG_IGN)
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(descriptor)
        signal.signal(signal.SIGIO, heard)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no leases")
def test_a_file_that_does_not_open_is_told_in_time(tmp_path: Path) -> None:
    make_database(tmp_path / "costs.db")
    with unanswered(tmp_path / "costs.db"):
        with pytest.raises(HangsError, match=r"costs\.db: no answer within 0\.3 s"):
            look_at_file(tmp_path / "costs.db", 0.3)
        with pytest.raises(HangsError):
            look_at_folder(tmp_path, 0.3)

    assert look_at_file(tmp_path / "costs.db").regular


def test_a_hang_on_macos_may_be_a_question_on_the_screen() -> None:
    check = databases.judge_hang("costs", PATH, "no answer", macos=True)

    assert check.verdict == "fail"
    assert "macOS may be waiting for a permission: grant Full Disk Access to /" in check.mend
    assert "macOS" not in databases.judge_hang("costs", PATH, "no answer", macos=False).mend
