"""What is read of a live database before anything is done."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.restore import facts as module
from local.restore.facts import LiveState, copy_facts, look
from local.restore.plan import RestoreRefusal, decide
from local.restore.proven import ProvenCopy
from tests.local.restore.databases import FORMER_ROWS, make, names, reading


def test_a_sound_database(live: Path, place: Path) -> None:
    live.chmod(0o640)

    found = look(live)

    assert (found.state, found.why, found.page_bytes, found.journal_mode) == (LiveState.SOUND, "", 4096, "wal")
    assert (found.size_bytes, found.mode, found.owner_id) == (live.stat().st_size, 0o640, os.geteuid())
    assert found.folder_writable
    assert names(place) == ["tasks.db"]


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, LiveState.MISSING),
        (b"", LiveState.EMPTY),
        (b"text", LiveState.UNREADABLE),
        (b"SQLite format 3\0", LiveState.UNREADABLE),
        (b"SQLite format 3\0" + b"\xff" * 4080, LiveState.UNREADABLE),
    ],
)
def test_what_is_no_database_is_not_written_to(place: Path, content: bytes | None, state: LiveState) -> None:
    live = place / "tasks.db"
    if content is not None:
        live.write_bytes(content)
    (place / "tasks.db-wal").write_bytes(b"a -wal")
    (place / "tasks.db-journal").write_bytes(b"\0 an ended journal")
    before = {path.name: path.read_bytes() for path in place.iterdir()}

    found = look(live)

    assert found.state is state
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.suffix != ".db-shm"} == before


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_wal_without_its_shm_is_read_and_neither_is_written_nor_made(
    place: Path, tmp_path: Path, is_whole: bool
) -> None:
    live = place / "tasks.db"
    with reading(make(tmp_path / "tasks.db", FORMER_ROWS)) as connection:
        connection.execute("CREATE TABLE later (number)")
        shutil.copyfile(tmp_path / "tasks.db", live)
        shutil.copyfile(tmp_path / "tasks.db-wal", place / "tasks.db-wal")
    if not is_whole:
        with live.open("r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 8192)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in place.iterdir()}

    found = look(live)

    assert found.state is (LiveState.SOUND if is_whole else LiveState.DAMAGED)
    assert (found.page_bytes, found.journal_mode) == (4096, "wal")
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in place.iterdir()} == before
    assert names(place) == ["tasks.db", "tasks.db-wal"]


def test_what_it_is_beside_its_wal_is_told_without_writing_it_in(live: Path, place: Path) -> None:
    """Damaged, with a -wal that still is to be replayed: both stay as they are."""
    with reading(live) as connection:
        connection.execute("UPDATE tasks SET title = 'later' WHERE id = 5")
        wal = (place / "tasks.db-wal").read_bytes()
        content = bytearray(live.read_bytes())
    content[-4096 * 6 :] = b"\xff" * 4096 * 6
    live.write_bytes(content)
    (place / "tasks.db-wal").write_bytes(wal)

    found = look(live)

    assert found.state is LiveState.DAMAGED
    assert found.journal_mode == "wal"
    assert live.read_bytes() == content
    assert (place / "tasks.db-wal").read_bytes() == wal


def test_a_folder_or_a_device_is_no_database(place: Path, copy: ProvenCopy) -> None:
    assert look(place).state is LiveState.NO_FILE
    assert isinstance(decide(look(place), copy_facts(copy.path, place)), RestoreRefusal)


def test_a_locked_database_is_busy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    live = make(place / "tasks.db", FORMER_ROWS, "delete")
    with closing(sqlite3.connect(live, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert look(live).state is LiveState.BUSY


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, copy: ProvenCopy) -> None:
    live = tmp_path / "no folder" / "tasks.db"

    assert isinstance(decide(look(live), copy_facts(copy.path, live.parent)), RestoreRefusal)


def _as_another_user(live: Path, folder: Path) -> int:
    """The exit code of a process of user 65534 that looks: 0 where it is refused and nothing has changed."""
    process = os.fork()
    if process == 0:
        try:
            os.setuid(65534)
            refused = isinstance(decide(look(live), module.ProvenCopyFacts(10**6, 4096, 244, 0)), RestoreRefusal)
            os._exit(0 if refused else 1)
        except BaseException:
            os._exit(2)
    before = names(folder)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert names(folder) == before
    return code


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Path]:
    """A live database that every user can get at, where this is root's doing."""
    with tempfile.TemporaryDirectory(dir="/tmp" if os.geteuid() == 0 else tmp_path) as folder:
        Path(folder).chmod(0o755)
        yield make(Path(folder) / "tasks.db", FORMER_ROWS)


def test_another_users_file_and_a_folder_to_read_are_refused(public: Path) -> None:
    if os.geteuid() != 0:
        public.parent.chmod(0o500)
        try:
            assert not look(public).folder_writable
        finally:
            public.parent.chmod(0o700)
        return
    public.chmod(0o666)
    assert _as_another_user(public, public.parent) == 0
    os.chown(public, 65534, 65534)
    assert _as_another_user(public, public.parent) == 0


def test_the_facts_of_a_copy(copy: ProvenCopy, place: Path, tmp_path: Path) -> None:
    size = copy.path.stat().st_size

    found = copy_facts(copy.path, place)

    assert (found.size_bytes, found.page_bytes, found.page_count, found.staged_bytes) == (size, 4096, size // 4096, 0)
    assert copy_facts(copy.path, tmp_path / "no folder").staged_bytes == size
