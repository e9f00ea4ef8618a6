"""Another user's live database, in folders of every kind: copied, and its application never notices."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local.errors import SourceError
from local.sqlite import live_database, snapshot
from tests.support.odd_databases import ODD_DATABASES, execute

OWNER, BACKUP_USER = 1001, 1002
AS_ROOT = os.geteuid() == 0


@contextmanager
def user(number: int) -> Iterator[None]:
    """Root becomes this user for a while; anybody else stays himself (see `somebody_elses`)."""
    if not AS_ROOT:
        yield
        return
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def somebody_elses(path: Path) -> Iterator[None]:
    """The database is another user's, who alone may write it; without root it is read-only for a while, which makes
    what SQLite leaves beside it read-only too."""
    if AS_ROOT:
        for file in path.parent.iterdir():
            os.chown(file, OWNER, OWNER)
    else:
        path.chmod(0o444)
    yield
    path.chmod(0o644)


def write_as_owner(path: Path) -> None:
    with user(OWNER):
        execute(path, "UPDATE entries SET title = 'written by the application' WHERE id = 7")


@pytest.fixture(params=[0o777, 0o755], ids=["a folder for all", "the owner's folder"])
def shelf(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The application's folder, reachable for everybody, which pytest's own are not when root runs it."""
    with tempfile.TemporaryDirectory(prefix="live-test-") as folder:
        Path(folder).chmod(0o777)
        shelf = Path(folder, "shelf")
        shelf.mkdir()
        shelf.chmod(request.param)
        if AS_ROOT:
            os.chown(shelf, OWNER, OWNER)
        yield shelf


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["wal mode", "plain"])
def test_a_quiet_database_of_another_user_is_copied_without_a_trace(shelf: Path, name: str) -> None:
    source = ODD_DATABASES[name](shelf)
    with somebody_elses(source), user(BACKUP_USER):
        snapshot.take(source, shelf.parent / "copy.db")
        assert names(shelf) == {source.name}
    write_as_owner(source)
    assert snapshot.examine(shelf.parent / "copy.db").rows["entries"] == 2000


def test_an_owner_or_root_copies_it_under_its_locks_and_leaves_no_trace_either(shelf: Path) -> None:
    source = ODD_DATABASES["wal mode"](shelf)
    snapshot.take(source, shelf.parent / "copy.db")
    assert names(shelf) == {source.name}
    with closing(live_database.open_live(source, 1)) as live:
        assert live.found is None
        if AS_ROOT:
            assert {path.stat().st_uid for path in shelf.iterdir()} == {source.stat().st_uid}


def test_a_live_wal_database_of_another_user_is_copied_under_its_locks(shelf: Path) -> None:
    source = ODD_DATABASES["wal mode"](shelf)
    with closing(sqlite3.connect(source, isolation_level=None)) as application:
        application.execute("PRAGMA wal_autocheckpoint=0")
        application.execute("INSERT INTO entries(title) VALUES ('in the wal')")
        with somebody_elses(source), user(BACKUP_USER), closing(live_database.open_live(source, 1)) as live:
            assert live.found is None
            assert live.connection.execute("SELECT count(*) FROM entries").fetchone() == (2001,)
        application.execute("INSERT INTO entries(title) VALUES ('after')")


def test_the_sidecars_of_a_killed_application_are_read_without_recovering_them(shelf: Path) -> None:
    source = ODD_DATABASES["a wal that was not checkpointed"](shelf)
    found = {path.name: path.stat().st_mode for path in shelf.iterdir()}
    with somebody_elses(source), user(BACKUP_USER):
        snapshot.take(source, shelf.parent / "copy.db")
    assert {path.name: path.stat().st_mode for path in shelf.iterdir()}.keys() == found.keys()
    assert snapshot.examine(shelf.parent / "copy.db").rows == {"committed": 1, "entries": 2000}
    write_as_owner(source)


@pytest.mark.parametrize("name", ["a wal without its shm", "a hot journal"])
def test_what_only_the_owner_can_recover_is_left_to_him(shelf: Path, name: str) -> None:
    source = ODD_DATABASES[name](shelf)
    before = names(shelf)
    with somebody_elses(source), user(BACKUP_USER), pytest.raises(SourceError) as caught:
        snapshot.take(source, shelf.parent / "copy.db")
    assert caught.value.mend
    assert names(shelf) == before
    write_as_owner(source)


def test_a_change_without_a_lock_is_noticed_and_copied_again(shelf: Path) -> None:
    source = ODD_DATABASES["wal mode"](shelf)
    copies = []

    def advance(_: int) -> None:
        copies.append(1)
        if len(copies) == 1 and AS_ROOT:
            os.seteuid(0)
            write_as_owner(source)
            os.seteuid(BACKUP_USER)
        elif len(copies) == 1:
            os.utime(source)

    with somebody_elses(source), user(BACKUP_USER):
        snapshot.take(source, shelf.parent / "copy.db", advance=advance)
        snapshot.take(source, shelf.parent / "again.db")
    assert len(copies) == 2
    assert (shelf.parent / "copy.db").read_bytes() == (shelf.parent / "again.db").read_bytes()
    assert stat.S_IMODE((shelf.parent / "copy.db").stat().st_mode) == 0o600


def test_a_file_that_never_rests_is_refused(shelf: Path) -> None:
    source = ODD_DATABASES["wal mode"](shelf)

    def advance(_: int) -> None:
        if AS_ROOT:
            os.seteuid(0)
        os.utime(source)
        if AS_ROOT:
            os.seteuid(BACKUP_USER)

    with somebody_elses(source), user(BACKUP_USER), pytest.raises(SourceError, match="changed during the copy"):
        snapshot.take(source, shelf.parent / "copy.db", advance=advance)
    assert not (shelf.parent / "copy.db").exists()


# It opens, writes and closes as fast as it can, so that its sidecars come and go: as a cron job or a CGI would.
_APPLICATION = """
import json, os, sqlite3, sys
path, owner, commits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(owner); os.setuid(owner)
seen = {}
for number in range(commits):
    try:
        live = sqlite3.connect(path, timeout=30, isolation_level=None)
        live.execute("UPDATE entries SET title = ? WHERE id = 7", (str(number),))
        told = "written"
    except sqlite3.Error as error:
        told = str(error)
    live.close()
    seen[told] = seen.get(told, 0) + 1
print(json.dumps(seen))
"""


@pytest.mark.skipif(not AS_ROOT, reason="two users are needed, who only root can be")
def test_an_application_whose_sidecars_come_and_go_is_never_refused(shelf: Path) -> None:
    source = ODD_DATABASES["wal mode"](shelf)
    with somebody_elses(source):
        command = [sys.executable, "-c", _APPLICATION, str(source), str(OWNER), "200"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as application:
            looked = 0
            while application.poll() is None:
                with user(BACKUP_USER):
                    looked += _look(source)
            assert application.stdout is not None
            seen = json.loads(application.stdout.read())
    assert seen == {"written": 200}
    assert looked > 20
    write_as_owner(source)


def _look(source: Path) -> int:
    """Open the database as a backup does; whether it was under its locks."""
    try:
        with closing(live_database.open_live(source, 0.1)) as live:
            return live.found is None
    except sqlite3.OperationalError:
        return 0
