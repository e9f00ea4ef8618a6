"""A commit whose frames stand in the `-wal` and that no reader sees yet, held there as a slow disk holds it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.backup.database_files import look
from local.backup.wal_index import is_all_committed

# Both copies of the header, which a commit writes last (https://www.sqlite.org/walformat.html).
HEADER_BYTES = 96


def elsewhere(path: Path, statement: str) -> str:
    """The first value of a statement in another process."""
    program = f"import sqlite3; print(sqlite3.connect({str(path)!r}, timeout=0).execute({statement!r}).fetchone()[0])"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@dataclass
class Application:
    """A connection that has the database open, and its index as a file; closing that would drop SQLite's locks."""

    path: Path
    connection: sqlite3.Connection
    index: int

    def write(self, title: str) -> None:
        """One commit."""
        self.connection.execute("INSERT OR REPLACE INTO notes VALUES (1, ?)", (title,))

    def header(self) -> bytes:
        return os.pread(self.index, HEADER_BYTES, 0)

    def publish(self, header: bytes) -> None:
        os.pwrite(self.index, header, 0)

    def seen_by_others(self) -> str:
        program = (
            f"import sqlite3; print(sqlite3.connect({str(self.path)!r}).execute('SELECT * FROM notes').fetchone()[1])"
        )
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT)")
        index = os.open(f"{path}-shm", os.O_RDWR)
        yield Application(path, connection, index)
    os.close(index)


def test_a_commit_between_its_frames_and_its_index_is_noticed(application: Application) -> None:
    application.write("former")
    assert is_all_committed(application.path)
    before = application.header()
    application.write("under way")
    after = application.header()

    application.publish(before)
    files = look(application.path)
    assert application.seen_by_others() == "former"
    assert not is_all_committed(application.path)

    application.publish(after)
    assert application.seen_by_others() == "under way"
    assert look(application.path) == files
    assert is_all_committed(application.path)


def test_frames_of_a_transaction_that_spilled_are_noticed(application: Application) -> None:
    application.write("former")
    application.connection.execute("PRAGMA cache_size=5")
    application.connection.execute("BEGIN")
    for number in range(100):
        application.connection.execute("INSERT INTO notes VALUES (?, ?)", (number + 2, "x" * 5000))

    assert not is_all_committed(application.path)
    application.connection.execute("COMMIT")
    assert is_all_committed(application.path)


def test_frames_of_a_former_round_are_nobody_s(application: Application) -> None:
    for number in range(50):
        application.write(f"long {number}")
    application.connection.execute("PRAGMA wal_checkpoint(RESTART)")
    assert is_all_committed(application.path)
    before = look(application.path)

    application.write("first of a new round")

    assert is_all_committed(application.path)
    assert look(application.path) != before


def test_an_index_of_a_round_that_has_not_begun_is_not_known(application: Application) -> None:
    application.write("former")
    empty = bytearray(application.header())
    for start in (0, HEADER_BYTES // 2):
        empty[start + 16 : start + 20] = bytes(4)
    application.publish(bytes(empty))

    assert not is_all_committed(application.path)


@pytest.mark.parametrize(
    "places",
    [(HEADER_BYTES // 2 + 16,), (0, HEADER_BYTES // 2), (12, HEADER_BYTES // 2 + 12)],
    ids=["being written", "another version", "not initialized"],
)
def test_an_index_that_cannot_be_told_is_not_believed(application: Application, places: tuple[int, ...]) -> None:
    application.write("former")
    odd = bytearray(application.header())
    for place in places:
        odd[place] ^= 1
    application.publish(bytes(odd))

    assert not is_all_committed(application.path)


def test_no_wal_or_an_empty_one_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert is_all_committed(path)
    (tmp_path / "a.db-wal").write_bytes(b"")
    assert is_all_committed(path)


@pytest.mark.parametrize("index", [None, b"", b"\0" * 96, b"\1" * 32768])
def test_a_wal_whose_index_is_missing_or_odd_is_not_known(application: Application, index: bytes | None) -> None:
    application.write("former")
    copy = application.path.with_name("copy.db")
    copy.with_name("copy.db-wal").write_bytes(application.path.with_name("a.db-wal").read_bytes())
    if index is not None:
        copy.with_name("copy.db-shm").write_bytes(index)

    assert not is_all_committed(copy)


def test_an_index_of_another_wal_is_not_believed(application: Application) -> None:
    application.write("former")
    wal = application.path.with_name("a.db-wal")
    copy = application.path.with_name("copy.db")
    copy.with_name("copy.db-shm").write_bytes(os.pread(application.index, 32768, 0))
    copy.with_name("copy.db-wal").write_bytes(wal.read_bytes())
    assert is_all_committed(copy)

    application.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    application.write("of another round")
    copy.with_name("copy.db-wal").write_bytes(wal.read_bytes())

    assert not is_all_committed(copy)


def test_looking_drops_no_lock_of_a_connection_in_this_process(application: Application) -> None:
    """Closing a file drops all of the process's locks on it, and a reader without its lock loses its frames."""
    application.write("former")
    with closing(sqlite3.connect(application.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM notes").fetchone()
        assert is_all_committed(application.path)

        assert elsewhere(application.path, "PRAGMA wal_checkpoint(TRUNCATE)") == "1"  # that is: busy
