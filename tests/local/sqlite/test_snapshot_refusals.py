"""What `snapshot.take` refuses to copy, and what it says then."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local.errors import SourceError
from local.sqlite import snapshot
from tests.support.live_writer import live_writer
from tests.support.odd_databases import ODD_DATABASES

MIB = 1024 * 1024


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may read everything, so as root these tests are somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Reachable for an ordinary user, which pytest's own folders are not when root runs it."""
    with tempfile.TemporaryDirectory(prefix="snapshot-test-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)
        Path(folder).chmod(0o777)


def refusal(source: Path, target: Path, *, wait: float = 30.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        snapshot.take(source, target, wait=wait)
    assert not target.exists()
    assert caught.value.doing == f"snapshot of {source}"
    assert caught.value.mend
    return caught.value


def test_a_missing_file(tmp_path: Path, target: Path) -> None:
    assert "there is no such file" in str(refusal(tmp_path / "gone.db", target))


def test_a_path_through_a_file(plain: Path, target: Path) -> None:
    assert "there is no such file" in str(refusal(plain / "inner.db", target))


def test_a_dangling_symlink_names_what_is_missing(tmp_path: Path, target: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "moved.db")
    assert str(tmp_path / "moved.db") in str(refusal(link, target))


def test_a_symlink_to_itself(tmp_path: Path, target: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(link)
    assert "cannot be looked at" in str(refusal(link, target))


def test_a_directory(tmp_path: Path, target: Path) -> None:
    assert "a directory" in str(refusal(tmp_path, target))


def test_a_pipe(tmp_path: Path, target: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    assert "not a regular file" in str(refusal(tmp_path / "pipe.db", target))


def test_a_file_without_read_permission(public_folder: Path) -> None:
    source = ODD_DATABASES["plain"](public_folder)
    source.chmod(0)
    with ordinary_user():
        error = refusal(source, public_folder / "copy.db")
    assert "may not read" in str(error)
    assert "ls -la" in error.mend
    assert "Full Disk Access" in error.mend


def test_a_folder_without_permission(public_folder: Path) -> None:
    (public_folder / "closed").mkdir()
    source = ODD_DATABASES["plain"](public_folder / "closed")
    source.parent.chmod(0)
    with ordinary_user():
        error = refusal(source, public_folder / "copy.db")
    source.parent.chmod(0o700)
    assert "Permission denied" in str(error)


def test_an_empty_file_is_refused_though_sqlite_would_take_it(tmp_path: Path, target: Path) -> None:
    (tmp_path / "empty.db").touch()
    error = refusal(tmp_path / "empty.db", target)
    assert "the file is empty" in str(error)
    assert "invoke backup.list" in error.mend
    assert "invoke restore" in error.mend
    assert "docs/restore.md" in error.mend


@pytest.mark.parametrize("text", [b"hello", b"just a text file, and nothing else\n" * 512, bytes(8192)])
def test_a_file_of_another_kind(tmp_path: Path, target: Path, text: bytes) -> None:
    (tmp_path / "other.db").write_bytes(text)
    assert str(refusal(tmp_path / "other.db", target)).endswith(
        "this is not an SQLite database: it has no SQLite header"
    )


@pytest.mark.parametrize("size", [512, 4096, 1024 * 100])
def test_an_encrypted_database(tmp_path: Path, target: Path, size: int) -> None:
    (tmp_path / "secret.db").write_bytes(random.Random(9).randbytes(size))
    error = refusal(tmp_path / "secret.db", target)
    assert "not an SQLite database, or an encrypted one" in str(error)
    assert "plain copy" in error.mend


def test_a_damaged_header(plain: Path, target: Path) -> None:
    with plain.open("r+b") as file:
        file.seek(16)
        file.write(b"\xff\xff\xff\xff\xff\xff\xff\xff")
    error = refusal(plain, target)
    assert "its header is damaged" in str(error)
    assert ".recover" in error.mend


def test_a_truncated_database(plain: Path, target: Path) -> None:
    os.truncate(plain, 5 * 4096)
    error = refusal(plain, target)
    assert "the database is corrupt" in str(error)
    assert ".recover" in error.mend


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_an_exclusively_locked_database(plain: Path, target: Path, mode: str) -> None:
    with closing(sqlite3.connect(plain, isolation_level=None)) as live:
        live.execute("PRAGMA locking_mode=exclusive")
        live.execute(f"PRAGMA journal_mode={mode}")
        live.execute("UPDATE entries SET title = 'locked' WHERE id = 1")
        script = "import sys; from pathlib import Path; from local.sqlite import snapshot;"
        script += "snapshot.take(Path(sys.argv[1]), Path(sys.argv[2]), wait=0.1)"
        error = _failure_elsewhere(script, plain, target)
    assert "another process kept it locked for 0.1 s (database is locked)" in error
    assert not target.exists()


def test_the_holder_of_a_lock_is_found_with_lsof(plain: Path, target: Path) -> None:
    with closing(sqlite3.connect(plain, isolation_level=None)) as live:
        live.execute("BEGIN EXCLUSIVE")
        error = refusal(plain, target, wait=0.05)
    assert error.mend.endswith(f"lsof {plain}")


def test_no_room_is_told_before_the_copy(tmp_path: Path, plain: Path, target: Path) -> None:
    with plain.open("r+b") as file:
        file.seek(28)
        file.write(bytes(4))  # without a page count in the header, the file's size tells it
    os.truncate(plain, (shutil.disk_usage(tmp_path).free + 4096 * MIB) // 4096 * 4096)
    error = refusal(plain, target)
    assert f"no room for the copy in {tmp_path}" in str(error)
    assert "df -h" in error.mend


def test_a_disk_that_fills_up_during_the_copy(large: Path, tmp_path: Path) -> None:
    script = """
import os, subprocess, sys
from pathlib import Path
from local.sqlite import snapshot
small = Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=56m", "none", small], check=True)
def fill(copied):
    with open(small / "filler", "ab", buffering=0) as file:
        file.write(bytes(16 << 20))  # as much as there is room for
try:
    snapshot.take(Path(sys.argv[1]), small / "copy.db", advance=fill)
finally:
    print(os.listdir(small))
"""
    (tmp_path / "small").mkdir()
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path / "small"], check=False).returncode:
        pytest.skip("this system lets nobody mount a small file system of his own")
    error = _failure_elsewhere(script, large, tmp_path / "small", "unshare", "-rm")
    assert f"no room left in {tmp_path / 'small'} (database or disk is full)" in error
    assert "['filler']" in error


def test_a_disk_that_refuses_writes(large: Path, target: Path) -> None:
    script = f"""
import resource, sys
from pathlib import Path
from local.sqlite import snapshot
resource.setrlimit(resource.RLIMIT_FSIZE, ({MIB}, {MIB}))
snapshot.take(Path(sys.argv[1]), Path(sys.argv[2]))
"""
    assert f"cannot write in {target.parent}: disk I/O error" in _failure_elsewhere(script, large, target)
    assert not target.exists()


def test_an_existing_target_is_neither_overwritten_nor_removed(plain: Path, target: Path) -> None:
    target.write_text("precious")
    with pytest.raises(SourceError, match="cannot create the copy"):
        snapshot.take(plain, target)
    assert target.read_text() == "precious"


def _failure_elsewhere(script: str, source: Path, target: Path, *prefix: str) -> str:
    """What another process, which shares no lock with this one, says at its end."""
    command = [*prefix, sys.executable, "-c", script, str(source), str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    return result.stdout + result.stderr


# Folders that cannot be written to


def test_a_wal_database_in_a_read_only_folder(public_folder: Path) -> None:
    (public_folder / "shelf").mkdir()
    source = ODD_DATABASES["wal mode"](public_folder / "shelf")
    source.parent.chmod(0o555)
    with ordinary_user():
        snapshot.take(source, public_folder / "copy.db")
    assert [path.name for path in source.parent.iterdir()] == [source.name]
    assert snapshot.examine(public_folder / "copy.db").rows["entries"] == 2000


def test_a_live_wal_database_in_a_read_only_folder(public_folder: Path) -> None:
    (public_folder / "shelf").mkdir()
    source = ODD_DATABASES["wal mode"](public_folder / "shelf")
    with live_writer(source) as writer:
        writer.wait_for(10)
        source.parent.chmod(0o555)
        before = writer.commits
        with ordinary_user():
            snapshot.take(source, public_folder / "copy.db")
        assert writer.busy == 0
        source.parent.chmod(0o755)
    assert snapshot.examine(public_folder / "copy.db").rows["live_entries"] >= before


@pytest.mark.parametrize("name", ["a wal without its shm", "a hot journal"])
def test_what_only_the_owner_can_recover_is_never_copied_without_it(public_folder: Path, name: str) -> None:
    (public_folder / "shelf").mkdir()
    source = ODD_DATABASES[name](public_folder / "shelf")
    source.chmod(0o444)
    source.parent.chmod(0o555)
    with ordinary_user():
        refusal(source, public_folder / "copy.db")
