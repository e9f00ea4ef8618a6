"""One backup at a time into a folder, whoever runs it, and no lock that outlives its holder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.errors import LockHeldError, StoreError
from local.store import folder_lock
from local.store.folder import FolderStore
from local.store.folder_lock import HOLDER_FILE, STALE_SECONDS
from tests.local.store.archives import FIRST, LATER, contents, put

CHECKOUT = Path(__file__).parents[3]
HOLD = """
import sys
from pathlib import Path
from local.store.folder import FolderStore
with FolderStore(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_holds_it(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def without_kernel_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses locks, as some network ones do."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_another_process_is_told_to_wait_and_by_whom(folder: Path) -> None:
    with another_process_holds_it(folder) as process:
        with pytest.raises(LockHeldError, match=f"process {process.pid} on ") as told, FolderStore(folder).lock():
            pass
        assert told.value.exit_code == 75


def test_a_killed_holder_holds_nothing(folder: Path) -> None:
    with another_process_holds_it(folder) as process:
        process.kill()
        process.wait()

        with FolderStore(folder).lock():
            pass


def test_what_another_process_holds_is_not_mended_meanwhile(folder: Path) -> None:
    store = FolderStore(folder)
    put(store, FIRST)
    (json,) = folder.glob("sqlite/*/*.json")
    json.unlink()
    (torn,) = (entry for entry in store.entries("sqlite") if entry.name.endswith(".db.gz"))

    with another_process_holds_it(folder):
        assert store.mend(torn) == torn
    assert not json.exists()
    assert store.mend(torn).metadata == FIRST.metadata


def test_of_two_backups_at_the_same_time_one_is_told_to_wait(folder: Path) -> None:
    """Two caches, two users, two machines: what they share is the folder."""
    began = threading.Barrier(2)
    outcomes: list[str] = []

    def back_up(store: FolderStore) -> None:
        began.wait()
        try:
            with store.lock():
                put(store, FIRST)
                began.wait()
            outcomes.append("stored")
        except LockHeldError:
            outcomes.append("held")
            began.wait()

    threads = [threading.Thread(target=back_up, args=(FolderStore(folder),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["held", "stored"]
    assert contents(FolderStore(folder)) == {FIRST.content}


@pytest.mark.usefixtures("without_kernel_locks")
def test_where_the_file_system_refuses_locks_a_file_keeps_others_out(folder: Path) -> None:
    with FolderStore(folder).lock():
        assert str(os.getpid()) in (folder / HOLDER_FILE).read_text()
        with pytest.raises(LockHeldError, match=f"process {os.getpid()}"), FolderStore(folder).lock():
            pass
        put(FolderStore(folder), LATER)
    assert not (folder / HOLDER_FILE).exists()


@pytest.mark.usefixtures("without_kernel_locks")
def test_a_lock_file_that_nobody_touched_for_long_is_nobody_s(folder: Path) -> None:
    path = folder / HOLDER_FILE
    path.write_text("process 1 on elsewhere\n")
    with pytest.raises(LockHeldError, match="process 1 on elsewhere"), FolderStore(folder).lock():
        pass
    old = path.stat().st_mtime - STALE_SECONDS - 1
    os.utime(path, (old, old))

    with FolderStore(folder).lock():
        assert str(os.getpid()) in path.read_text()


@pytest.mark.usefixtures("without_kernel_locks")
def test_a_lock_file_is_touched_while_it_is_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched = threading.Event()
    monkeypatch.setattr(folder_lock, "TOUCH_SECONDS", 0.001)
    monkeypatch.setattr(os, "utime", lambda _: touched.set())

    with FolderStore(folder).lock():
        assert touched.wait(60)


@pytest.mark.usefixtures("without_kernel_locks")
def test_a_lock_that_another_took_over_as_stale_is_not_taken_from_it(folder: Path) -> None:
    with FolderStore(folder).lock():
        (folder / HOLDER_FILE).write_text("process 1 on elsewhere\n")

    assert (folder / HOLDER_FILE).read_text() == "process 1 on elsewhere\n"


def test_a_folder_that_takes_no_lock_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder") as told, FolderStore(tmp_path / "gone").lock():
        pass
    assert "mount its disk" in told.value.mend
