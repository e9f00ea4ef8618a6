from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.errors import SourceError
from local.volumes.database_looks import LooksAtVolume
from local.volumes.snapshot import VolumeSnapshot, take
from tests.support.folder_reader import GNU_TAR, FolderReader, StreamReader, needs_gnu_tar
from tests.support.live_writer import live_writer
from tests.support.odd_databases import execute

pytestmark = needs_gnu_tar
MODES = ("wal", "delete", *(pytest.param(mode, marks=pytest.mark.long) for mode in ("truncate", "persist")))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    (folder / "data").mkdir(parents=True)
    (folder / "data/readme.txt").write_text("text")
    return folder


def read(reader: LooksAtVolume, work: Path, *, look_twice: bool = True) -> VolumeSnapshot:
    work.mkdir()
    return take(reader, work, look_twice=look_twice)


def entries(snapshot: VolumeSnapshot) -> dict[str, bytes]:
    """The files in the tar."""
    with tarfile.open(snapshot.tar) as tar:
        found = {}
        for entry in tar:
            file = tar.extractfile(entry) if entry.isreg() else None
            if file:
                found[entry.name.removeprefix("./")] = file.read()
        return found


def rows(raw: bytes, path: Path, sql: str = "SELECT count(*) FROM rows") -> list[tuple[Any, ...]]:
    path.unlink(missing_ok=True)
    path.write_bytes(raw)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute(sql).fetchall()


@contextmanager
def open_wal(path: Path, count: int = 100) -> Iterator[sqlite3.Connection]:
    """A database whose rows stand in its -wal alone, as while its application runs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE rows(id INTEGER PRIMARY KEY, body TEXT)")
        connection.execute("PRAGMA wal_checkpoint(truncate)")
        add_rows(connection, count)
        yield connection


def add_rows(connection: sqlite3.Connection, count: int) -> None:
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO rows(body) VALUES (?)", [("row " * 50,)] * count)
    connection.execute("COMMIT")


def hot_journal(path: Path) -> None:
    """A database as a killed program leaves it: a transaction half in the file, its -journal beside it."""
    execute(path, "CREATE TABLE rows(id INTEGER PRIMARY KEY, body TEXT)")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_rows(connection, 500)
        connection.execute("PRAGMA cache_size=5")
        connection.execute("BEGIN")
        connection.execute("UPDATE rows SET body = 'torn ' || body")
        connection.execute("DELETE FROM rows WHERE id > 250")
        for file in (path, path.with_name(f"{path.name}-journal")):
            shutil.copyfile(file, f"{file}.killed")
    for file in (path, path.with_name(f"{path.name}-journal")):
        Path(f"{file}.killed").replace(file)


# What is in the tar


def test_a_wal_database_is_in_the_tar_whole_and_its_wal_and_shm_are_not(volume: Path, tmp_path: Path) -> None:
    owner = (1000, 1001) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    with open_wal(volume / "data/app.db"):
        (volume / "data/app.db").chmod(0o640)
        os.chown(volume / "data/app.db", *owner)
        os.utime(volume / "data/app.db", ns=(0, 1_700_000_000_123_000_000))
        snapshot = read(FolderReader(volume), tmp_path / "work")
    found = entries(snapshot)
    assert sorted(found) == ["data/app.db", "data/readme.txt"]
    assert rows(found["data/app.db"], tmp_path / "x.db") == [(100,)]
    database = snapshot.contents.databases["data/app.db"]
    assert database.raw_sha256 == hashlib.sha256(found["data/app.db"]).hexdigest()
    assert database.raw_bytes == len(found["data/app.db"])
    assert database.facts.rows == {"rows": 100}
    with tarfile.open(snapshot.tar) as tar:
        entry = tar.getmember("./data/app.db")
    assert (entry.mode, entry.uid, entry.gid, entry.mtime) == (0o640, *owner, 1_700_000_000.123)
    assert (snapshot.contents.changing, snapshot.contents.not_databases) == ((), ())


def test_a_transaction_that_a_killed_program_left_is_rolled_back(volume: Path, tmp_path: Path) -> None:
    hot_journal(volume / "data/app.db")
    raw = (volume / "data/app.db").read_bytes()
    assert b"torn" in raw
    found = entries(read(FolderReader(volume), tmp_path / "work"))
    assert sorted(found) == ["data/app.db", "data/readme.txt"]
    assert rows(found["data/app.db"], tmp_path / "x.db", "SELECT count(*), sum(body LIKE 'torn%') FROM rows") == [
        (500, 0)
    ]
    assert (volume / "data/app.db").read_bytes() == raw


def test_the_same_database_gives_the_same_tar_though_a_checkpoint_moved_its_pages(volume: Path, tmp_path: Path) -> None:
    os.utime(volume / "data", (0, 0))
    with open_wal(volume / "data/app.db") as connection:
        os.utime(volume / "data", (0, 0))
        os.utime(volume / "data/app.db", (0, 0))
        before = read(FolderReader(volume), tmp_path / "before")
        connection.execute("PRAGMA wal_checkpoint(truncate)")
        os.utime(volume / "data/app.db", (0, 0))
        after = read(FolderReader(volume), tmp_path / "after")
    assert after.tar.read_bytes() == before.tar.read_bytes()


def test_a_commit_into_a_wal_that_began_anew_leaves_both_looks_of_one_moment(volume: Path, tmp_path: Path) -> None:
    """As in every application that runs for a while: its -wal keeps its length, and is written over from its start."""
    with open_wal(volume / "data/app.db") as connection:
        add_rows(connection, 900)
        connection.execute("PRAGMA wal_checkpoint(restart)")
        add_rows(connection, 1)
        size = (volume / "data/app.db-wal").stat().st_size
        reader = FolderReader(volume, between=lambda looks: add_rows(connection, int(looks == 1)))
        snapshot = read(reader, tmp_path / "work")
        assert (volume / "data/app.db-wal").stat().st_size == size
    assert reader.looks == [b"", b""]
    assert rows(entries(snapshot)["data/app.db"], tmp_path / "x.db") == [(1001,)]


def test_a_wal_that_began_anew_between_the_looks_is_looked_at_again(volume: Path, tmp_path: Path) -> None:
    with open_wal(volume / "data/app.db") as connection:
        add_rows(connection, 900)
        connection.execute("PRAGMA wal_checkpoint(full)")
        reader = FolderReader(volume, between=lambda looks: add_rows(connection, int(looks == 1)))
        snapshot = read(reader, tmp_path / "work")
    assert len(reader.looks) > 2
    assert rows(entries(snapshot)["data/app.db"], tmp_path / "x.db") == [(1001,)]


def wal_first(folder: Path) -> bytes:
    """A stream that comes to the -wal before it comes to the database."""
    names = ["volume", "volume/data", "volume/data/app.db-wal", "volume/data/app.db-shm", "volume/data/app.db"]
    return subprocess.check_output([str(GNU_TAR), "-c", "--format=posix", "--no-recursion", "-C", str(folder), *names])


def test_where_nobody_writes_the_files_come_in_any_order(volume: Path, tmp_path: Path) -> None:
    with open_wal(volume / "data/app.db"):
        snapshot = read(StreamReader(wal_first(tmp_path)), tmp_path / "work", look_twice=False)
    assert sorted(entries(snapshot)) == ["data/app.db"]
    assert rows(entries(snapshot)["data/app.db"], tmp_path / "x.db") == [(100,)]


def test_a_wal_that_was_read_before_its_database_is_not_trusted(volume: Path, tmp_path: Path) -> None:
    """Between them a checkpoint may bring pages into the database that this -wal knows only in an older form."""

    class WalFirst(FolderReader):
        def look(self, path: bytes = b"") -> Iterator[bytes]:
            if path:
                return super().look(path)
            self.looks.append(path)
            return iter([torn])

    with open_wal(volume / "data/app.db") as connection:
        wal = (volume / "data/app.db-wal").read_bytes()
        connection.execute("UPDATE rows SET body = 'newer'")
        add_rows(connection, 100)
        connection.execute("PRAGMA wal_checkpoint(passive)")
        newer = (volume / "data/app.db-wal").read_bytes()
        assert newer.startswith(wal)
        (volume / "data/app.db-wal").write_bytes(wal)
        torn = wal_first(tmp_path)
        (volume / "data/app.db-wal").write_bytes(newer)
        reader = WalFirst(volume)
        snapshot = read(reader, tmp_path / "work")
    found = rows(entries(snapshot)["data/app.db"], tmp_path / "x.db", "SELECT count(*), sum(body = 'newer') FROM rows")
    assert found == [(200, 100)]
    assert b"data/app.db" in reader.looks


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda raw: raw[:700], "corrupt"),
        (lambda raw: raw[:100] + os.urandom(len(raw) - 100), "corrupt"),
        (lambda raw: raw[: 3 * 4096] + b"\xff" * 4096 + raw[4 * 4096 :], "corrupt"),
        (lambda raw: raw[:16] + b"\0\3" + raw[18:], "header is damaged"),
    ],
)
def test_what_only_begins_as_a_database_is_kept_as_it_is_and_named(
    damage: object, told: str, volume: Path, tmp_path: Path
) -> None:
    with open_wal(tmp_path / "app.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(truncate)")
        raw = damage((tmp_path / "app.db").read_bytes())  # type: ignore[operator]
    (volume / "app.db").write_bytes(raw)
    (volume / "app.db-wal").write_bytes(b"w" * 5000)
    snapshot = read(FolderReader(volume), tmp_path / "work")
    found = entries(snapshot)
    assert (found["app.db"], found["app.db-wal"]) == (raw, b"w" * 5000)
    assert snapshot.contents.databases == {}
    [text] = snapshot.contents.not_databases
    assert text.startswith("app.db: ")
    assert told in text


def test_a_wal_without_its_database_is_a_file(volume: Path, tmp_path: Path) -> None:
    (volume / "gone.db-wal").write_bytes(b"w" * 5000)
    (volume / "text-journal").write_bytes(b"dear diary")
    (volume / "short").write_bytes(b"SQLite format 3\0")
    found = entries(read(FolderReader(volume), tmp_path / "work"))
    assert sorted(found) == ["data/readme.txt", "gone.db-wal", "short", "text-journal"]


def test_a_database_with_two_names_is_one_in_the_tar(volume: Path, tmp_path: Path) -> None:
    execute(volume / "data/app.db", "CREATE TABLE rows(a); INSERT INTO rows VALUES (1)")
    (volume / "a-name").hardlink_to(volume / "data/app.db")
    snapshot = read(FolderReader(volume), tmp_path / "work")
    with tarfile.open(snapshot.tar) as tar:
        assert tar.getmember("./data/app.db").linkname == "./a-name"
    assert list(snapshot.contents.databases) == ["a-name"]
    assert rows(entries(snapshot)["a-name"], tmp_path / "x.db") == [(1,)]


def test_a_database_whose_wal_is_beside_another_of_its_names_is_kept_as_files(volume: Path, tmp_path: Path) -> None:
    with open_wal(volume / "data/app.db"):
        (volume / "a-name").hardlink_to(volume / "data/app.db")
        snapshot = read(FolderReader(volume), tmp_path / "work")
        assert entries(snapshot)["data/app.db-wal"] == (volume / "data/app.db-wal").read_bytes()
    assert snapshot.contents.databases == {}
    assert "another name" in snapshot.contents.not_databases[0]


def test_a_transaction_over_several_databases_that_was_cut_short_is_kept_as_files(volume: Path, tmp_path: Path) -> None:
    hot_journal(volume / "data/app.db")
    journal = volume / "data/app.db-journal"
    name = b"/somewhere/app.db-mj123456789"
    magic = journal.read_bytes()[:8]
    check = sum(name)
    with journal.open("ab") as file:
        file.write(b"\x00\x40\x00\x01" + name + len(name).to_bytes(4, "big") + check.to_bytes(4, "big") + magic)
    snapshot = read(FolderReader(volume), tmp_path / "work")
    assert snapshot.contents.databases == {}
    assert "several databases" in snapshot.contents.not_databases[0]
    assert entries(snapshot)["data/app.db-journal"] == journal.read_bytes()


# While it is written to


@pytest.mark.parametrize("mode", MODES)
def test_a_live_database_is_in_the_tar_as_of_one_moment(mode: str, volume: Path, tmp_path: Path) -> None:
    """A commit spans two tables, so of any other copy the two contradict each other."""
    path = volume / "data/app.db"
    execute(path, "PRAGMA page_size=1024; CREATE TABLE filler(a); INSERT INTO filler VALUES (zeroblob(300000))")
    with live_writer(path, mode, rate=3) as writer:  # type: ignore[arg-type]
        writer.wait_for(3)
        snapshot = read(FolderReader(volume), tmp_path / "work")
        commits = writer.commits
    raw = entries(snapshot)["data/app.db"]
    [(count, largest)] = rows(raw, tmp_path / "x.db", "SELECT count(*), max(id) FROM live_entries")
    assert rows(raw, tmp_path / "x.db", "SELECT entries, id_sum FROM live_totals") == [
        (count, count * (count + 1) // 2)
    ]
    assert count == largest
    assert 3 <= count <= commits + 1
    assert snapshot.contents.databases["data/app.db"].facts.rows["live_entries"] == count
    assert snapshot.contents.changing == ()


@pytest.mark.parametrize("mode", MODES)
def test_a_database_that_is_hammered_is_of_one_moment_or_fails_the_volume(
    mode: str, volume: Path, tmp_path: Path
) -> None:
    path, mends = volume / "data/app.db", []
    execute(path, "PRAGMA page_size=512; CREATE TABLE filler(a); INSERT INTO filler VALUES (zeroblob(2000000))")
    with live_writer(path, mode, rate=2000) as writer:  # type: ignore[arg-type]
        writer.wait_for(20)
        for number in range(3):
            try:
                snapshot = read(FolderReader(volume), tmp_path / str(number))
            except SourceError as error:
                mends.append(error.mend)
                continue
            raw = entries(snapshot)["data/app.db"]
            [(count,)] = rows(raw, tmp_path / "x.db", "SELECT count(*) FROM live_entries")
            totals = rows(raw, tmp_path / "x.db", "SELECT entries, id_sum FROM live_totals")
            assert totals == [(count, count * (count + 1) // 2)]
    assert all("`pause:`" in mend for mend in mends)


def test_what_is_committed_between_the_looks_does_not_count_as_changing(volume: Path, tmp_path: Path) -> None:
    with open_wal(volume / "data/app.db") as connection:

        def commit(look: int) -> None:
            if look == 1:
                add_rows(connection, 50)

        snapshot = read(FolderReader(volume, between=commit), tmp_path / "work")
    assert rows(entries(snapshot)["data/app.db"], tmp_path / "x.db") == [(100,)]
    assert snapshot.contents.changing == ()


@pytest.mark.parametrize("disturbances", [1, 3])
def test_a_checkpoint_between_the_looks_has_its_files_fetched_again(
    disturbances: int, volume: Path, tmp_path: Path
) -> None:
    with open_wal(volume / "data/app.db") as connection:

        def checkpoint(_: int) -> None:
            if reader.looks and left:
                left.pop()
                add_rows(connection, 10)
                connection.execute("PRAGMA wal_checkpoint(restart)")

        left = [True] * disturbances
        reader = FolderReader(volume, between=checkpoint)
        snapshot = read(reader, tmp_path / "work")
    expected = 100 + 10 * disturbances
    assert rows(entries(snapshot)["data/app.db"], tmp_path / "x.db") == [(expected,)]
    assert reader.looks[:2] == [b"", b""]
    assert set(reader.looks[2:]) == {b"data/app.db", b"data/app.db-wal", b"data/app.db-journal"}


def test_a_database_that_is_written_to_at_each_look_fails_the_volume_and_names_pause(
    volume: Path, tmp_path: Path
) -> None:
    path = volume / "data/app.db"
    execute(path, "CREATE TABLE rows(a)")

    def write(_: int) -> None:
        execute(path, "INSERT INTO rows VALUES (1)")

    with pytest.raises(SourceError, match=r"data/app\.db in the volume: it was written to .*, in 9 tries") as raised:
        read(FolderReader(volume, between=write), tmp_path / "work")
    assert "`pause:`" in raised.value.mend


@pytest.mark.parametrize("look", [1, 2])
def test_a_database_that_vanishes_meanwhile_is_named_and_fails_nothing(look: int, volume: Path, tmp_path: Path) -> None:
    path = volume / "data/app.db"
    execute(path, "CREATE TABLE rows(a)")

    def vanish(number: int) -> None:
        if number == 1 and look == 2:
            execute(path, "INSERT INTO rows VALUES (1)")
        if number == look:
            path.unlink()

    snapshot = read(FolderReader(volume, between=vanish), tmp_path / "work")
    assert sorted(entries(snapshot)) == ["data/readme.txt"]
    assert snapshot.contents.changing == ("data/app.db: vanished",)
    assert snapshot.contents.databases == {}


def test_a_database_that_becomes_something_else_is_kept_as_that(volume: Path, tmp_path: Path) -> None:
    path = volume / "data/app.db"
    execute(path, "CREATE TABLE rows(a)")

    def change(number: int) -> None:
        if number == 1:
            path.write_text("no database")

    snapshot = read(FolderReader(volume, between=change), tmp_path / "work")
    assert entries(snapshot)["data/app.db"] == b"no database"
    assert snapshot.contents.databases == {}
    assert "not an SQLite database" in snapshot.contents.not_databases[0]


def test_where_nobody_writes_one_look_is_enough(volume: Path, tmp_path: Path) -> None:
    with open_wal(volume / "data/app.db"):
        reader = FolderReader(volume)
        snapshot = read(reader, tmp_path / "work", look_twice=False)
    assert reader.looks == [b""]
    assert rows(entries(snapshot)["data/app.db"], tmp_path / "x.db") == [(100,)]
