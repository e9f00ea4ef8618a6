from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from local.drill_program.tables import row_counts, schema_digest
from local.errors import SourceError
from local.sqlite import snapshot
from tests.support.crossed import crossed
from tests.support.live_writer import LiveWriter, live_writer
from tests.support.odd_databases import ODD_DATABASES, Make, execute, own_collations

MIB = 1024 * 1024
Content = dict[str, object]


def content(path: Path) -> Content:
    """The schema, every row of every table and what else a program can read of a database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
        found: Content = {"schema": schema}
        for pragma in ("user_version", "application_id", "encoding", "page_size", "auto_vacuum", "page_count"):
            found[pragma] = connection.execute(f"PRAGMA {pragma}").fetchone()
        for kind, name, _, sql in schema:
            if kind == b"table" and b"no_such_module" not in sql:
                quoted = name.decode().replace('"', '""')
                found[f"rows of {quoted}"] = connection.execute(f'SELECT * FROM "{quoted}"').fetchall()
        return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def full_check(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall()


def assert_holds_a_prefix(copy: Path, at_least: int, at_most: int) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        ids = [number for (number,) in connection.execute("SELECT id FROM live_entries ORDER BY id")]
        totals = connection.execute("SELECT entries, id_sum FROM live_totals").fetchall()
    assert ids == list(range(1, len(ids) + 1))
    assert totals == [(len(ids), sum(ids))]
    assert at_least <= len(ids) <= at_most


# A live writer


def test_a_writer_is_never_blocked_in_wal_mode_and_the_copy_holds_a_prefix_of_its_commits(
    large: Path, target: Path
) -> None:
    with live_writer(large) as writer:
        writer.wait_for(50)
        steps = []

        def advance(copied: int) -> None:
            steps.append(copied)
            writer.wait_for(writer.commits + 5)

        before = writer.commits
        snapshot.take(large, target, advance=advance)
        after = writer.commits
        writer.stop()
        assert writer.busy == 0
    assert len(steps) >= 3
    assert all(copied > 0 for copied in steps), "the copy was restarted"
    assert sum(steps) == target.stat().st_size
    assert after >= before + 15, "commits went on between the steps"
    assert full_check(target) == [("ok",)]
    # Its point in time is the first page's, so none of the commits that the steps waited for is in it.
    assert_holds_a_prefix(target, before, after - 15 + 1)
    assert_holds_a_prefix(large, writer.commits, writer.commits)


@pytest.mark.parametrize("attempt", range(3))
def test_a_copy_taken_at_full_speed_holds_a_prefix_too(large: Path, target: Path, attempt: int) -> None:
    with live_writer(large, rate=2000) as writer:
        writer.wait_for(20 * (attempt + 1))
        before = writer.commits
        snapshot.take(large, target)
        after = writer.commits
        writer.stop()
        assert writer.busy == 0
    assert snapshot.examine(target).rows["live_entries"] >= before
    assert_holds_a_prefix(target, before, after + 1)


def test_in_rollback_journal_mode_the_copy_finishes_and_no_commit_is_lost(large: Path, target: Path) -> None:
    with live_writer(large, "delete") as writer:
        writer.wait_for(50)
        before = writer.commits
        snapshot.take(large, target)
        after = writer.commits
        writer.wait_for(after + 50)
        writer.stop()
        assert writer.busy == 0
        commits = writer.commits
    assert full_check(target) == [("ok",)]
    assert_holds_a_prefix(target, before, after + 1)
    assert_holds_a_prefix(large, commits, commits)


def test_the_live_files_of_a_wal_database_are_left_alone(large: Path, target: Path) -> None:
    with closing(sqlite3.connect(large)) as live:
        live.executescript("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE in_the_wal(a);")
        before = files(large.parent)
        snapshot.take(large, target)
        after = files(large.parent)
        del after[target.name]
        assert after == before
    assert "in_the_wal" in snapshot.examine(target).rows


def test_nothing_is_left_beside_a_wal_database_that_nobody_has_open(tmp_path: Path, target: Path) -> None:
    source = ODD_DATABASES["wal mode"](tmp_path)
    before = source.read_bytes()
    snapshot.take(source, target)
    snapshot.examine(target)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}
    assert source.read_bytes() == before


def test_a_lock_that_is_released_in_time_is_waited_for(plain: Path, target: Path) -> None:
    with closing(sqlite3.connect(plain, isolation_level=None, check_same_thread=False)) as live:
        live.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(0.2, live.execute, ["COMMIT"])
        release.start()
        snapshot.take(plain, target)
        release.join()
    assert content(target) == content(plain)


# Databases of every kind


@pytest.mark.parametrize("make", ODD_DATABASES.values(), ids=list(ODD_DATABASES))
def test_a_copy_of_any_database_equals_it(tmp_path: Path, make: Make) -> None:
    (tmp_path / "source").mkdir()
    source, target = make(tmp_path / "source"), tmp_path / "copy.db"
    snapshot.take(source, target)
    facts = snapshot.examine(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy")] == ["copy.db"]
    assert content(target) == content(source)
    with closing(sqlite3.connect(source)) as connection:
        assert facts.rows == row_counts(connection)
        assert facts.schema_sha256 == schema_digest(connection)
        assert facts.user_version == connection.execute("PRAGMA user_version").fetchone()[0]
    assert facts.page_size * facts.page_count == target.stat().st_size
    assert (facts.sqlite, facts.unchecked) == (sqlite3.sqlite_version, None)


@pytest.mark.parametrize("make", ODD_DATABASES.values(), ids=list(ODD_DATABASES))
def test_two_copies_of_an_unchanged_database_are_byte_identical(tmp_path: Path, make: Make) -> None:
    (tmp_path / "source").mkdir()
    source = make(tmp_path / "source")
    snapshot.take(source, tmp_path / "first.db")
    snapshot.take(source, tmp_path / "second.db")
    assert (tmp_path / "first.db").read_bytes() == (tmp_path / "second.db").read_bytes()


@pytest.mark.parametrize("name", ["plain", "wal mode"])
def test_after_one_update_few_pages_of_the_copy_differ(tmp_path: Path, name: str) -> None:
    source = ODD_DATABASES[name](tmp_path)
    snapshot.take(source, tmp_path / "first.db")
    execute(source, "UPDATE entries SET body = 'updated' WHERE id = 1000")
    snapshot.take(source, tmp_path / "second.db")
    first, second = ((tmp_path / name).read_bytes() for name in ("first.db", "second.db"))
    assert len(first) == len(second) > 50 * 4096
    changed = [at for at in range(0, len(first), 4096) if first[at : at + 4096] != second[at : at + 4096]]
    assert len(changed) == 1


# What is read of a copy while it is made


@pytest.mark.parametrize(
    ("page_size", "mode", "auto_vacuum"), crossed([512, 4096, 8192, 65536], ["wal", "delete"], [0, 1])
)
def test_what_stands_in_a_copy_while_it_is_made_stays(
    tmp_path: Path, target: Path, page_size: int, mode: str, auto_vacuum: int
) -> None:
    source = tmp_path / "source.db"
    early: list[bytes] = []
    sizes: set[int] = set()

    def follow(size: int, final: int) -> None:
        sizes.add(size)
        early.append(target.read_bytes()[:final])
        assert len(early[-1]) == final

    with closing(odd_pages(source, page_size, mode, auto_vacuum)):
        snapshot.take(source, target, follow=follow)
    whole = target.read_bytes()
    assert sizes == {len(whole)}
    assert early[0] == b""
    assert len(early[-1]) > len(whole) - 16 * MIB
    assert all(whole[page_size : len(part)] == part[page_size:] for part in early)


def odd_pages(path: Path, page_size: int, mode: str, auto_vacuum: int) -> sqlite3.Connection:
    """A database of two steps of a copy with free pages and overflow pages, in WAL mode partly in its -wal."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        f"PRAGMA page_size={page_size}; PRAGMA auto_vacuum={auto_vacuum}; PRAGMA journal_mode={mode};"
        "PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(id INTEGER PRIMARY KEY, body);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        "INSERT INTO t SELECT i, randomblob(12000) FROM n;"
    )
    if mode == "wal":
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.executescript("UPDATE t SET body = randomblob(9000) WHERE id % 7 = 0; DELETE FROM t WHERE id % 11 = 0;")
    return connection


def test_another_thread_can_stop_a_copy(large: Path, target: Path) -> None:
    class StoppedError(Exception):
        pass

    def advance(_: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        snapshot.take(large, target, advance=advance)
    assert not target.exists()


def test_ctrl_c_stops_a_copy_in_the_main_thread_and_leaves_nothing(large: Path, target: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        snapshot.take(large, target, advance=lambda _: signal.raise_signal(signal.SIGINT))
    assert not target.exists()


def test_two_threads_copy_one_database_under_its_locks(large: Path, tmp_path: Path) -> None:
    """Closing a file drops every lock that the process holds on it: a second copy must not unlock the first."""
    with closing(sqlite3.connect(large, isolation_level=None, timeout=0)) as live:
        refused: list[bool] = []

        def advance(_: int) -> None:
            if not refused:
                snapshot.take(large, tmp_path / "second.db")
                script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN EXCLUSIVE')"
                other = subprocess.run([sys.executable, "-c", script, str(large)], capture_output=True, check=False)
                refused.append(b"database is locked" in other.stderr)

        snapshot.take(large, tmp_path / "first.db", advance=advance)
        live.execute("BEGIN EXCLUSIVE")
    assert refused == [True]


# The check


def test_a_damaged_page_fails_the_check_and_says_how_to_salvage(plain: Path, target: Path) -> None:
    with plain.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xa5" * 4096)
    snapshot.take(plain, target)
    with pytest.raises(SourceError, match="the database is corrupt") as caught:
        snapshot.examine(target)
    assert "page 21" in caught.value.came_back.lower()
    assert ".recover" in caught.value.mend


def test_a_damaged_schema_fails_the_check(plain: Path, target: Path) -> None:
    execute(
        plain, "PRAGMA writable_schema=on; UPDATE sqlite_schema SET sql = 'CREATE TABLE nonsense(' WHERE rootpage = 2"
    )
    with pytest.raises(SourceError, match="corrupt: malformed database schema"):
        snapshot.take(plain, target)


def test_what_only_the_application_can_order_is_checked_otherwise_and_told(tmp_path: Path, target: Path) -> None:
    snapshot.take(own_collations(tmp_path), target)
    facts = snapshot.examine(target)
    told = "only its application can check the order by backwards, it's odd; a drill comes to no verdict on it"
    assert facts.unchecked == told
    assert facts.rows == {"by_function": 2, "entries": 2000, "names": 400, "words": 2}


@pytest.mark.parametrize("root", ["names", "entries", "by_title", "by_word"])
def test_damage_is_seen_in_spite_of_a_missing_collation(tmp_path: Path, target: Path, root: str) -> None:
    source = own_collations(tmp_path)
    with closing(sqlite3.connect(source)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (root,)).fetchone()
    with source.open("r+b") as file:
        file.seek((page - 1) * 4096 + 8)
        file.write(b"\xa5" * 2000)
    snapshot.take(source, target)
    with pytest.raises(SourceError, match="the database is corrupt"):
        snapshot.examine(target)


def test_memory_does_not_grow_with_the_database(large: Path, target: Path) -> None:
    """The database in memory would be 50 MiB; SQLite is allowed two caches of 16 MB."""
    script = """
import resource, sys
from pathlib import Path
from local.sqlite import snapshot
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
snapshot.take(Path(sys.argv[1]), Path(sys.argv[2]))
snapshot.examine(Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", script, str(large), str(target)]
    grown = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert grown * (1 if sys.platform == "darwin" else 1024) < 40 * MIB


def test_a_writer_stopped_twice_stays_stopped(plain: Path) -> None:
    with live_writer(plain) as writer:
        assert isinstance(writer, LiveWriter)
        writer.stop()
    assert writer.commits >= 1
