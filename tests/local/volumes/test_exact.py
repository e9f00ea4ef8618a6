"""What an engine keeps to itself comes from the volume's own folder, or nothing does where it may be another one."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local.drill_program.tar_entries import TarEntry, read_entries
from local.volumes.database_looks import LooksAtVolume
from local.volumes.endpoint import Endpoint
from local.volumes.exact import agrees, completed, is_the_volumes
from local.volumes.facts import VolumeFacts
from local.volumes.mountpoint import Mountpoint, mountpoint_of
from local.volumes.seen import SeenEntry
from local.volumes.snapshot import VolumeSnapshot, take
from tests.support.folder_reader import GNU_TAR, FolderReader, needs_gnu_tar
from tests.support.odd_volume import found_in, make_odd_volume, unpacked

pytestmark = [
    needs_gnu_tar,
    pytest.mark.skipif(sys.platform != "linux", reason="on Linux alone an engine's folder is on this machine"),
]
# As much as each engine tells: whole seconds, no attribute that a user set, and Podman no owner.
DOCKER = ("--format=gnu", "--sort=name")
PODMAN = (*DOCKER, "--owner=0", "--group=0", "--numeric-owner")
TOLD = TarEntry("file", b"a", b"", 0o644, 0, 0, 5_000_000_000, 3, 0, ())
THERE = replace(TOLD, uid=7, gid=8, mtime_ns=5_123_456_789, xattrs=((b"user.a", b"1"),))
UNTOLD, OWNERS_TOLD = Mountpoint(Path("/v"), owners_told=False), Mountpoint(Path("/v"), owners_told=True)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    folder = make_odd_volume(tmp_path / "volume")
    os.utime(folder, ns=(0, 1_400_000_000_987_654_321))
    return folder


def read(
    reader: LooksAtVolume, work: Path, seen: Path | None, *, owners_told: bool = False, look_twice: bool = False
) -> VolumeSnapshot:
    work.mkdir()
    mountpoint = Mountpoint(seen, owners_told) if seen else None
    return take(reader, work, look_twice=look_twice, mountpoint=mountpoint)


def entry_of(snapshot: VolumeSnapshot, path: bytes) -> TarEntry:
    with snapshot.tar.open("rb") as file:
        return next(entry for entry in read_entries(file) if entry.path == path)


@dataclass
class Meddled:
    """A reader whose tar is whole before anything is looked at in the folder; then somebody comes, look by look."""

    reader: FolderReader
    meddle: Callable[[int], None]

    def look(self, path: bytes = b"") -> Iterator[bytes]:
        """As the folder's."""
        tar = b"".join(self.reader.look(path))
        self.meddle(len(self.reader.looks))
        yield tar


# What comes back


def test_either_engines_tar_gives_all_of_the_volume_and_the_same_bytes(odd: Path, tmp_path: Path) -> None:
    docker = read(FolderReader(odd, DOCKER), tmp_path / "docker", odd, owners_told=True)
    podman = read(FolderReader(odd, PODMAN), tmp_path / "podman", odd)
    whole = read(FolderReader(odd), tmp_path / "whole", None)
    assert docker.tar.read_bytes() == podman.tar.read_bytes() == whole.tar.read_bytes()
    assert docker.cut == podman.cut == whole.cut
    assert docker.contents == podman.contents == whole.contents
    assert (docker.is_exact, podman.is_exact, whole.is_exact) == (True, True, False)
    archive = tmp_path / "v.tar.gz"
    archive.write_bytes(gzip.compress(podman.tar.read_bytes(), 1))
    assert found_in(unpacked(archive, tmp_path / "back", str(GNU_TAR))) == found_in(odd)


def test_a_database_has_the_owner_and_the_time_of_its_file(odd: Path, tmp_path: Path) -> None:
    path = odd / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a (b)")
    os.utime(path, ns=(0, 1_600_000_000_111_222_333))
    os.setxattr(path, "user.a", b"1")
    found = entry_of(read(FolderReader(odd, PODMAN), tmp_path / "work", odd), b"app.db")
    assert (found.mtime_ns, found.xattrs) == (1_600_000_000_111_222_333, ((b"user.a", b"1"),))
    assert (found.uid, found.gid) == (os.geteuid(), os.getegid())


# Another folder


def _other_content(folder: Path) -> None:
    (folder / "plain").write_bytes(b"of another length")


def _other_time(folder: Path) -> None:
    os.utime(folder / "plain", (5, 5))


def _other_root(folder: Path) -> None:
    os.utime(folder, (5, 5))


def _without_a_file(folder: Path) -> None:
    before = folder.stat()
    (folder / "plain").unlink()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def _other_mode(folder: Path) -> None:
    (folder / "plain").chmod(0o600)


def _other_link(folder: Path) -> None:
    found = (folder / "link").lstat()
    (folder / "link").unlink()
    (folder / "link").symlink_to("empty")
    os.utime(folder / "link", ns=(0, found.st_mtime_ns), follow_symlinks=False)
    os.utime(folder, ns=(0, 1_400_000_000_987_654_321))


def _folder_for_a_file(folder: Path) -> None:
    (folder / "empty").unlink()
    (folder / "empty").mkdir()
    os.utime(folder, ns=(0, 1_400_000_000_987_654_321))


OTHERS = [
    _other_content,
    _other_time,
    _other_root,
    _without_a_file,
    _other_mode,
    _other_link,
    _folder_for_a_file,
    shutil.rmtree,
]


@pytest.mark.parametrize("make_other", OTHERS)
def test_of_another_folder_nothing_is_taken(odd: Path, make_other: Callable[[Path], None], tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["cp", "-a", odd, other], check=True)
    os.utime(other / "sub-second", ns=(0, 1_600_000_000_555_555_555))
    make_other(other)
    expected = read(FolderReader(odd, PODMAN), tmp_path / "expected", None)
    found = read(FolderReader(odd, PODMAN), tmp_path / "found", other, look_twice=True)
    assert found.tar.read_bytes() == expected.tar.read_bytes()
    assert (found.cut, found.contents, found.is_exact) == (expected.cut, expected.contents, False)


def test_of_a_folder_behind_a_symlink_nothing_is_taken(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(odd)
    assert not read(FolderReader(odd, PODMAN), tmp_path / "work", tmp_path / "link").is_exact


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_where_docker_tells_other_owners_nothing_is_taken(odd: Path, tmp_path: Path) -> None:
    """With userns-remap the folder has shifted ones."""
    shifted = FolderReader(odd, (*DOCKER, "--owner=1000", "--group=1000", "--numeric-owner"))
    assert not read(shifted, tmp_path / "work", odd, owners_told=True).is_exact


# What is written to meanwhile


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_grew_keeps_its_owner_and_has_the_time_of_its_content(odd: Path, tmp_path: Path) -> None:
    def meddle(look: int) -> None:
        if look == 1:
            with (odd / "large owner").open("ab") as file:
                file.write(b"more")

    os.utime(odd / "large owner", (9, 9))
    os.setxattr(odd / "large owner", "user.a", b"1")
    found = read(Meddled(FolderReader(odd, PODMAN), meddle), tmp_path / "work", odd, look_twice=True)
    entry = entry_of(found, b"large owner")
    assert (entry.uid, entry.gid, entry.mtime_ns, entry.size) == (3_000_000, 4_000_000_000, 9_000_000_000, 2)
    assert entry.xattrs == ((b"user.a", b"1"),)
    assert found.contents.changing == ("large owner: grew from 2 to 6 bytes",)
    assert (found.is_exact, found.contents.left_out) == (True, ())


def test_what_is_gone_is_told_as_without_its_owner(odd: Path, tmp_path: Path) -> None:
    def meddle(look: int) -> None:
        if look == 1:
            (odd / "sticky/inside").unlink()

    (odd / "sticky/inside").write_text("x")
    found = read(Meddled(FolderReader(odd, PODMAN), meddle), tmp_path / "work", odd, look_twice=True)
    assert found.is_exact
    assert found.contents.changing == ("sticky/inside: vanished",)
    assert found.contents.left_out == ("the owners of what came or went while it was read: sticky/inside",)


def test_what_was_swapped_for_a_way_out_is_taken_from_nowhere(odd: Path, tmp_path: Path) -> None:
    def meddle(look: int) -> None:
        if look == 1:
            (odd / "a").rename(tmp_path / "was a")
            (odd / "a").symlink_to(tmp_path / "was a")
            os.utime(odd, ns=(0, 1_400_000_000_987_654_321))

    os.setxattr(odd / "a/linked", "user.secret", b"1")
    found = read(Meddled(FolderReader(odd, PODMAN), meddle), tmp_path / "work", odd, look_twice=True)
    assert found.is_exact
    assert entry_of(found, b"a").kind == "folder"
    assert entry_of(found, b"a-link").xattrs == ()


@pytest.mark.parametrize("is_put_back", [True, False])
def test_what_was_otherwise_for_a_moment_is_looked_for_again(odd: Path, is_put_back: bool, tmp_path: Path) -> None:
    """No two looks at the volume see that; so it agrees in the end, or the folder is another one."""

    def set_time(seconds: int) -> None:
        os.utime(odd / "sub-second", ns=(0, seconds * 10**9 + 5))

    def meddle(look: int) -> None:
        if look == 1 or not is_put_back:
            set_time(5)

    set_time(2)
    reader = Meddled(FolderReader(odd, PODMAN, between=lambda _: set_time(2)), meddle)
    found = read(reader, tmp_path / "work", odd, look_twice=True)
    assert (found.is_exact, found.contents.changing) == (is_put_back, ())
    assert entry_of(found, b"sub-second").mtime_ns == 2_000_000_000 + 5 * is_put_back


# The decisions


def test_owner_time_and_attributes_are_the_folders() -> None:
    assert completed(TOLD, THERE, UNTOLD) == THERE
    assert completed(TOLD, None, UNTOLD) == completed(TOLD, THERE, None) == TOLD


@pytest.mark.parametrize(
    ("told", "there"),
    [
        (TOLD, replace(THERE, kind="FIFO")),
        (TOLD, replace(THERE, size=4)),
        (TOLD, replace(THERE, mode=0o600)),
        (TOLD, replace(THERE, mtime_ns=6_000_000_000)),
        (TOLD, replace(THERE, mtime_ns=4_000_000_000)),
        (replace(TOLD, mtime_ns=5_100_000_000), THERE),
        (replace(TOLD, kind="symlink", size=0, link=b"x"), replace(THERE, kind="symlink", size=0, link=b"y")),
        (replace(TOLD, kind="hard link", size=0, link=b"b"), replace(THERE, kind="folder", size=0)),
        (replace(TOLD, xattrs=((b"user.a", b"2"),)), THERE),
        (replace(TOLD, xattrs=((b"security.capability", b"2"),)), THERE),
        (TOLD, None),
    ],
)
def test_these_do_not_agree(told: TarEntry, there: TarEntry | None) -> None:
    assert not agrees(told, there, UNTOLD)
    assert completed(told, there, UNTOLD) == told


@pytest.mark.parametrize(
    ("told", "there"),
    [
        (TOLD, replace(THERE, mtime_ns=4_500_000_000)),  # as Podman rounds it
        (replace(TOLD, mtime_ns=-1_000_000_000), replace(THERE, mtime_ns=-1_500_000_000)),
        (replace(TOLD, mtime_ns=5_123_456_789), THERE),
        (replace(TOLD, kind="symlink", size=0, mode=0o777), replace(THERE, kind="symlink", size=0, mode=0o755)),
        (replace(TOLD, kind="hard link", size=0, link=b"b"), THERE),
        (replace(TOLD, xattrs=((b"security.ima", b"2"), (b"user.a", b"1"))), THERE),
    ],
)
def test_these_agree(told: TarEntry, there: TarEntry) -> None:
    assert agrees(told, there, UNTOLD)


def test_owners_count_where_they_are_told() -> None:
    assert not agrees(TOLD, THERE, OWNERS_TOLD)
    assert agrees(replace(TOLD, uid=7, gid=8), THERE, OWNERS_TOLD)


@pytest.mark.parametrize(
    ("there", "unsteady", "expected"),
    [
        ([THERE, THERE], set(), True),
        ([THERE, None], set(), False),
        ([THERE, None], {b"1"}, True),
        ([None, THERE], {b"0"}, True),
        ([THERE, None], {b"0"}, False),
        ([None, None], {b"0", b"1"}, False),  # who agrees in nothing may be anybody
    ],
)
def test_a_folder_is_the_volumes_where_all_agrees_but_what_is_written_to(
    there: list[TarEntry | None], unsteady: set[bytes], expected: bool
) -> None:
    entries = [
        SeenEntry(replace(TOLD, path=b"%d" % number), there=found and replace(found, path=b"%d" % number))
        for number, found in enumerate(there)
    ]
    assert is_the_volumes(entries, unsteady, UNTOLD) == expected


def test_a_volume_at_whose_top_names_come_and_go_is_still_the_folders(odd: Path, tmp_path: Path) -> None:
    def meddle(look: int) -> None:
        os.utime(odd, (look * 100, look * 100))

    found = read(Meddled(FolderReader(odd, PODMAN), meddle), tmp_path / "work", odd, look_twice=True)
    assert (found.is_exact, found.contents.changing) == (True, ())
    assert entry_of(found, b"sub-second").mtime_ns == 1_600_000_000_123_456_789
    assert entry_of(found, b".").mtime_ns == 1_400_000_000_000_000_000


def test_only_a_local_engines_own_driver_keeps_files_where_they_may_be_seen() -> None:
    socket, tcp = Endpoint("unix:///run/docker.sock", "test"), Endpoint("tcp://host:2375", "test")
    volume = VolumeFacts("v", "local", {}, {}, "/var/v/_data", "")

    def found(volume: VolumeFacts, endpoint: Endpoint, *, shifted: bool = False) -> Mountpoint | None:
        return mountpoint_of(volume, endpoint, owners_told=True, owners_shifted=shifted)

    assert found(volume, socket) == Mountpoint(Path("/var/v/_data"), owners_told=True)
    assert found(volume, tcp) is None
    assert found(volume, socket, shifted=True) is None
    assert found(replace(volume, driver="nfs"), socket) is None
    assert found(replace(volume, mountpoint=""), socket) is None
    assert found(replace(volume, mountpoint="var/v"), socket) is None
