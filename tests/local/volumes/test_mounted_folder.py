"""A volume's folder looked at by this process: what it says of each entry, and what nobody in it can make it say."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.drill_program.tar_entries import TarEntry
from local.volumes import mounted_folder
from local.volumes.mounted_folder import MountedFolder
from local.volumes.mountpoint import Mountpoint
from tests.support.odd_volume import make_odd_volume

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on Linux alone an engine's folder is on this machine")
NOBODY = 65534


@pytest.fixture
def volume() -> Iterator[Path]:
    """A folder that everybody may come to."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield make_odd_volume(Path(made) / "volume")


def entries(folder: Path, *paths: bytes) -> list[TarEntry | None]:
    with MountedFolder(Mountpoint(folder, owners_told=True)) as mounted:
        return [mounted.entry(path) for path in paths]


def names(folder: Path) -> list[bytes]:
    return [b".", *(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*"))]


def test_it_says_of_each_entry_what_the_system_says(volume: Path) -> None:
    paths = names(volume)
    for path, entry in zip(paths, entries(volume, *paths), strict=True):
        place = os.fsencode(volume) + b"/" + path
        found = os.lstat(place)
        assert entry
        assert (entry.mode, entry.uid, entry.gid) == (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        assert entry.mtime_ns == found.st_mtime_ns
        assert entry.size == (found.st_size if stat.S_ISREG(found.st_mode) else 0)
        link = Path(os.fsdecode(place))
        assert entry.link == (os.fsencode(link.readlink()) if link.is_symlink() else b"")
        told = os.listxattr(place, follow_symlinks=False)
        assert [name for name, _ in entry.xattrs] == sorted(map(os.fsencode, told))
        assert all(os.getxattr(place, name) == value for name, value in entry.xattrs)


def test_nothing_is_waited_for_opened_or_left_open(volume: Path) -> None:
    """A FIFO's entry comes at once, no time of access or change is another one, and no descriptor stays."""

    def times() -> list[tuple[int, int]]:
        return [(found.st_atime_ns, found.st_ctime_ns) for found in map(os.lstat, paths)]

    paths = [os.fsencode(volume) + b"/" + path for path in names(volume)]
    before, descriptors = times(), set(Path("/proc/self/fd").iterdir())
    (fifo,) = entries(volume, b"fifo")
    assert None not in entries(volume, *names(volume))
    assert entries(volume, b"gone", b"gone/too", b"plain/not a folder") == [None] * 3
    assert fifo
    assert (fifo.kind, fifo.size) == ("FIFO", 0)
    assert times() == before
    assert set(Path("/proc/self/fd").iterdir()) == descriptors


def test_no_symlink_is_followed_wherever_it_stands(volume: Path) -> None:
    (volume / "out").symlink_to(volume.parent)
    (volume / "a").rename(volume.parent / "moved out")
    (volume / "a").symlink_to(volume.parent / "moved out")
    (volume.parent / "also").symlink_to(volume)
    (volume.parent / "above").symlink_to(volume.parent)
    assert entries(volume, b"out/volume", b"a/linked", b"../volume/plain", b"a/../plain") == [None] * 4
    assert entries(volume.parent / "also", b".", b"plain") == [None] * 2
    assert entries(volume.parent / "above" / "volume", b".", b"plain") == [None] * 2


def test_a_socket_a_device_and_what_is_no_folder_are_nothing(volume: Path) -> None:
    assert entries(Path("/dev"), b"null") == [None]
    assert entries(volume / "plain", b".", b"x") == [None] * 2
    assert entries(volume / "gone", b".", b"x") == [None] * 2


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="becoming somebody else takes root")
def test_what_this_user_may_not_look_at_is_nothing(volume: Path) -> None:
    (volume / "sticky" / "inside").write_text("x")
    (volume / "sticky").chmod(0o700)
    (volume / "attributes").chmod(0o600)
    os.seteuid(NOBODY)
    try:
        found = entries(volume, b"plain", b"sticky", b"sticky/inside", b"attributes")
    finally:
        os.seteuid(0)
    assert [entry is not None for entry in found] == [True, True, False, False]


def test_what_is_of_one_machine_alone_is_no_part_of_a_volume(volume: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives such attributes")
    os.setxattr(volume / "attributes", "security.p9", b"label")
    os.setxattr(volume / "attributes", "trusted.p9", b"kept")
    (entry,) = entries(volume, b"attributes")
    assert entry
    assert [name for name, _ in entry.xattrs] == [b"trusted.p9", b"user.binary", b"user.plain"]


def test_attributes_that_no_header_holds_are_not_read_to_their_end(volume: Path) -> None:
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as made:
        file = Path(made) / "file"
        file.touch()
        try:
            for number in range(100):
                os.setxattr(file, f"user.{number}", bytes(60_000))
        except OSError:
            pytest.skip("this file system holds no more of them than a header does")
        assert entries(Path(made), b"file") == [None]
        shutil.copy(volume / "plain", made)
        assert entries(Path(made), b"plain") != [None]


def test_attributes_of_all_entries_together_fill_no_memory(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounted_folder, "_ALL_ATTRIBUTES_BYTES_MAX", 100)
    os.setxattr(volume / "plain", "user.a", bytes(60))
    found = entries(volume, b"plain", b"empty", b"plain", b"empty")
    assert [entry is not None for entry in found] == [True, True, False, True]
