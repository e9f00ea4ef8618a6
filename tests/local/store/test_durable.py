"""Bytes that are on the disk when a call returns: which calls are made, and what a disk that is full leaves."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from local.store import durable
from local.store.durable import TEMPORARY_FOLDER, sync_file, sync_folder
from local.store.folder import FolderStore
from tests.local.store.archives import FIRST, NAME, contents, put

F_FULLFSYNC = 51


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the kernel, which has F_FULLFSYNC as macOS has it."""
    made: list[str] = []
    opened: dict[int, str] = {}
    opening = os.open

    def noted_open(path: str, *arguments: int, **more: int) -> int:
        descriptor = opening(path, *arguments, **more)
        opened[descriptor] = Path(path).name
        return descriptor

    monkeypatch.setattr(os, "open", noted_open)
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", F_FULLFSYNC, raising=False)

    def full_sync(descriptor: int, command: int) -> int:
        made.append(f"fcntl {command} {opened[descriptor]}")
        return 0

    def sync(_: int) -> None:
        made.append("fsync")

    monkeypatch.setattr(fcntl, "fcntl", full_sync)
    monkeypatch.setattr(os, "fsync", sync)
    return made


def refusing(number: int) -> object:
    def call(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


def test_the_drive_itself_is_waited_for_where_the_kernel_can_ask_it(tmp_path: Path, calls: list[str]) -> None:
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    sync_file(descriptor)
    os.close(descriptor)
    sync_folder(tmp_path)

    assert calls == [f"fcntl {F_FULLFSYNC} file", f"fcntl {F_FULLFSYNC} {tmp_path.name}"]


def test_a_file_system_that_knows_no_such_call_is_asked_as_usual(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "fcntl", refusing(errno.ENOTSUP))

    with (tmp_path / "file").open("wb") as file:
        sync_file(file.fileno())

    assert calls == ["fsync"]


def test_this_kernel_s_own_answer_to_a_call_that_it_does_not_know_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 0x7FFF, raising=False)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    with (tmp_path / "file").open("wb") as file:
        sync_file(file.fileno())

    assert len(synced) == 1


@pytest.mark.parametrize("call", ["fcntl", "fsync"])
def test_a_disk_that_fails_is_never_taken_for_a_call_that_is_not_known(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(fcntl, "fcntl", refusing(errno.EIO if call == "fcntl" else errno.ENOTSUP))
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))

    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="Input/output error"):
        sync_file(file.fileno())
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)
    assert calls == []


def test_a_folder_that_can_not_be_synced_is_no_failure(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "fcntl", refusing(errno.EINVAL))
    monkeypatch.setattr(os, "fsync", refusing(errno.EINVAL))

    sync_folder(tmp_path)

    assert calls == []


def test_an_archive_is_on_the_disk_before_its_name_and_so_are_the_folders_that_lead_to_it(
    folder: Path, calls: list[str]
) -> None:
    renamed: list[int] = []
    replace = os.replace

    def noted(*arguments: str) -> None:
        renamed.append(len(calls))
        replace(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", noted)
        put(FolderStore(folder), FIRST)

    asked = [call.rpartition(" ")[2] for call in calls]
    assert asked[:3] == ["store", "store", "sqlite"], "each new folder's name: .pillar9-new, sqlite, the day"
    assert renamed[0] == 4, "the archive itself"
    assert asked[4] == "2026-05-05"
    assert len(renamed) == 3, "archive, sidecar, metadata"
    assert all(asked[at - 1].startswith(durable._host()) and asked[at] == "2026-05-05" for at in renamed)


WRITE_UNTIL_FULL = """
import resource, sys
from pathlib import Path
from local.errors import StoreError
from local.store.folder import FolderStore
from tests.local.store.archives import archive_of, random_parts, put, LATER_TAKEN
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store = FolderStore(Path(sys.argv[1]))
try:
    with store.lock():
        put(store, archive_of(random_parts(9, 3, 100_000), LATER_TAKEN))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 1, 5000, 8192, 100_000, 250_000])
def test_a_disk_that_is_full_in_the_middle_of_an_archive_leaves_the_former_one_and_no_rest(
    folder: Path, room: int
) -> None:
    """A limit on a file's size makes the kernel's own write fail where it would on a full disk."""
    put(FolderStore(folder), FIRST)
    checkout = Path(__file__).parents[3]

    told = subprocess.run(
        [sys.executable, "-c", WRITE_UNTIL_FULL, str(folder), str(room)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "File too large" in told
    assert NAME in told
    assert list((folder / TEMPORARY_FOLDER).iterdir()) == []
    assert contents(FolderStore(folder)) == {FIRST.content}
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != room
