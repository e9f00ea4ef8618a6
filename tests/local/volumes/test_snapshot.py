from __future__ import annotations

import gzip
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from local import clock
from local.drill_program.file_list import FileList
from local.drill_program.tar_entries import read_entries
from local.errors import SourceError
from local.volumes.database_looks import LooksAtVolume
from local.volumes.snapshot import VolumeSnapshot, take
from tests.support.folder_reader import GNU_TAR, FolderReader, StreamReader, needs_gnu_tar
from tests.support.odd_volume import found_in, make_odd_volume, unpacked

pytestmark = needs_gnu_tar
PROGRAMS = [
    str(GNU_TAR),
    pytest.param("bsdtar", marks=pytest.mark.skipif(not shutil.which("bsdtar"), reason="no bsdtar")),
]
# What differs between those who write a tar: its format, the order, whether holes are told, how times are.
DIALECTS = {
    "pax": FolderReader.options,
    "gnu": ("--format=gnu", "--sort=name"),
    "the order of the folder": ("--format=posix", "--sort=none"),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_odd_volume(tmp_path_factory.mktemp("odd") / "volume")


def read(reader: LooksAtVolume, folder: Path, *, look_twice: bool = False) -> VolumeSnapshot:
    folder.mkdir()
    return take(reader, folder, look_twice=look_twice)


def archive_of(snapshot: VolumeSnapshot, path: Path) -> Path:
    path.write_bytes(gzip.compress(snapshot.tar.read_bytes(), 1))
    return path


# What comes back


@pytest.mark.parametrize("program", PROGRAMS)
def test_tar_xzf_by_hand_gives_the_volume_to_the_last_attribute(odd: Path, program: str, tmp_path: Path) -> None:
    snapshot = read(FolderReader(odd), tmp_path / "work")
    back = unpacked(archive_of(snapshot, tmp_path / "v.tar.gz"), tmp_path / "back", program)
    expected, found = found_in(odd), found_in(back)
    if program == "bsdtar":  # it sets no time of the folder in which it is started
        expected["."], found["."] = (replace(entry["."], mtime_ns=0) for entry in (expected, found))
    assert found == expected
    assert snapshot.contents.changing == ()


@pytest.mark.skipif(sys.platform != "linux", reason="GNU tar knows attributes on Linux alone")
def test_an_attribute_whose_name_has_an_equals_sign_comes_back_through_gnu_tar(tmp_path: Path) -> None:
    header = tarfile.TarInfo("volume")
    header.type = tarfile.DIRTYPE
    file = tarfile.TarInfo("volume/file")
    file.pax_headers = {"SCHILY.xattr.user.a%3Db": "value"}
    stream = header.tobuf() + file.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    snapshot = read(StreamReader(stream), tmp_path / "work")
    back = unpacked(archive_of(snapshot, tmp_path / "v.tar.gz"), tmp_path / "back", str(GNU_TAR))
    assert os.listxattr(back / "file") == ["user.a%3Db"]


def test_a_volume_of_nothing_is_a_tar_of_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    os.utime(tmp_path / "volume", (0, 0))
    snapshot = read(FolderReader(tmp_path / "volume"), tmp_path / "work")
    assert (snapshot.size, snapshot.cut) == (1536, (1536,))
    assert (snapshot.contents.files, snapshot.contents.file_bytes) == (0, 0)


# The same content, the same bytes


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_content_gives_the_same_bytes_whoever_wrote_the_stream(
    odd: Path, dialect: str, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    subprocess.run(["cp", "-a", "--sparse=never", odd, whole], check=True)
    for path in [whole, *whole.rglob("*")]:
        os.utime(path, (0, path.lstat().st_mtime_ns // 10**9), follow_symlinks=False)
        for attribute in os.listxattr(path, follow_symlinks=False) if sys.platform == "linux" else ():
            os.removexattr(path, attribute)
    expected = read(FolderReader(whole), tmp_path / "expected")
    found = read(FolderReader(whole, DIALECTS[dialect]), tmp_path / "found")
    assert found.tar.read_bytes() == expected.tar.read_bytes()
    assert found.cut == expected.cut
    assert found.contents == expected.contents


def test_names_of_the_engine_in_front_are_not_in_the_tar(odd: Path, tmp_path: Path) -> None:
    """Docker's begin with the last part of the path in the container, Podman's with a slash."""
    docker = read(FolderReader(odd), tmp_path / "docker")
    podman = read(FolderReader(odd, (*FolderReader.options, "-P", "--transform=s,^volume,,")), tmp_path / "podman")
    assert podman.tar.read_bytes() == docker.tar.read_bytes()


def test_any_order_of_the_stream_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    names = [f"{number % 7}-{number}" for number in range(60)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(os.urandom(number * 1000))
        os.link(folder / name, folder / f"also-{name}")
        os.link(folder / name, folder / f"x{name}")
    expected = read(FolderReader(folder), tmp_path / "expected")
    listed = [f"volume/{path.name}" for path in folder.iterdir()]
    shuffler = random.Random(9)
    for number in range(3):
        shuffler.shuffle(listed)
        stream = subprocess.check_output(
            [str(GNU_TAR), "-c", "--format=posix", "--no-recursion", "-C", tmp_path, "volume", *listed]
        )
        found = read(StreamReader(stream), tmp_path / str(number))
        assert found.tar.read_bytes() == expected.tar.read_bytes()
        assert sorted(path.name for path in (tmp_path / str(number)).iterdir()) == ["volume.tar"]


# What is recorded


def test_the_record_is_of_the_tar_as_a_drill_reads_it(odd: Path, tmp_path: Path) -> None:
    before = clock.now()
    snapshot = read(FolderReader(odd), tmp_path / "work")
    after = clock.now()
    listed = FileList()
    with snapshot.tar.open("rb") as file:
        for entry in read_entries(file):
            listed.add(entry)
    contents = snapshot.contents
    assert (contents.files, contents.file_bytes, contents.list_sha256) == (listed.files, listed.bytes, listed.sha256)
    assert contents.files == len(found_in(odd)) - 1
    assert snapshot.size == snapshot.tar.stat().st_size == sum(snapshot.cut)
    assert before <= snapshot.taken <= after
    assert snapshot.tar.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone makes a device")
def test_a_device_is_left_out_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    os.mknod(folder / "null", 0o20666, os.makedev(1, 3))
    os.link(folder / "null", folder / "null again")
    (folder / "file").write_text("text")
    snapshot = read(FolderReader(folder), tmp_path / "work")
    assert snapshot.contents.left_out == (
        "null: a character device",
        "null again: a character device",
    )
    assert snapshot.contents.files == 1


def test_another_name_of_a_device_is_left_out_with_it(tmp_path: Path) -> None:
    """Docker tells of it as a hard link."""
    stream = b""
    for name, kind, link in (
        ("volume", tarfile.DIRTYPE, ""),
        ("volume/null", tarfile.CHRTYPE, ""),
        ("volume/z", tarfile.LNKTYPE, "volume/null"),
    ):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        stream += entry.tobuf()
    snapshot = read(StreamReader(*[stream + bytes(1024)] * 2), tmp_path / "work", look_twice=True)
    assert snapshot.contents.left_out == ("null: a character device", "z: a character device")
    assert (snapshot.contents.files, snapshot.contents.changing) == (0, ())


def test_holes_take_no_room_in_the_tar_and_read_as_zeros(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    with (folder / "sparse").open("wb") as file:
        file.truncate(200 << 20)
    (folder / "zz").write_text("behind it")
    snapshot = read(FolderReader(folder), tmp_path / "work")
    assert snapshot.size > 200 << 20
    assert snapshot.tar.stat().st_blocks * 512 < 1 << 20


# A stream that breaks off


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("small") / "volume"
    folder.mkdir()
    for number in range(3):
        (folder / f"file {number}").write_bytes(b"x" * 700)
    return b"".join(FolderReader(folder, ("--format=gnu", "--sort=name", "-b1")).look())


def test_a_stream_that_breaks_off_anywhere_is_taken_again(small: bytes, tmp_path: Path) -> None:
    whole = read(StreamReader(small), tmp_path / "whole")
    for number, end in enumerate(range(0, len(small), 500)):
        reader = StreamReader(small[:end], small[: end // 2], small)
        assert read(reader, tmp_path / str(number)).tar.read_bytes() == whole.tar.read_bytes()
        assert reader.streams == []


def test_a_stream_that_breaks_off_each_time_is_an_error_that_names_what_mends_it(small: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"not whole, in 3 tries: it broke off") as raised:
        read(StreamReader(*[small[:-600]] * 3), tmp_path / "work")
    assert "`pause:`" in raised.value.mend
    assert list((tmp_path / "work").iterdir()) == []


def test_a_broken_second_look_is_taken_again_too(small: bytes, tmp_path: Path) -> None:
    reader = StreamReader(small, small[:900], small)
    assert read(reader, tmp_path / "work", look_twice=True).contents.changing == ()


# What changes meanwhile


def test_what_changes_between_the_looks_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    (folder / "sub").mkdir(parents=True)
    for name in ("grows", "shrinks", "changes", "vanishes", "kind", "mode", "touched", "rests", "sub/\\odd\n"):
        (folder / name).write_text(f"{name} as it was")

    def change(look: int) -> None:
        if look == 1:
            with (folder / "grows").open("a") as file:
                file.write(" and more")
            (folder / "shrinks").write_text("s")
            found = (folder / "changes").stat()
            (folder / "changes").write_text("changes as it is_")
            os.truncate(folder / "changes", found.st_size)
            os.utime(folder / "changes", ns=(found.st_atime_ns, found.st_mtime_ns))
            (folder / "vanishes").unlink()
            (folder / "kind").unlink()
            (folder / "kind").symlink_to("rests")
            (folder / "mode").chmod(0o600)
            os.utime(folder / "touched")
            (folder / "sub/\\odd\n").unlink()
            (folder / "sub/new").write_text("new")

    snapshot = read(FolderReader(folder, between=change), tmp_path / "work", look_twice=True)
    assert snapshot.contents.changing == (
        "changes: its content changed",
        "grows: grew from 15 to 24 bytes",
        "kind: was a file, is a symlink",
        "mode: its mode, owner or attributes changed",
        "shrinks: shrank from 17 to 1 bytes",
        "sub/\\\\odd\\x0a: vanished",
        "sub/new: appeared",
        "touched: it was written to, or touched",
        "vanishes: vanished",
    )
    assert snapshot.contents.files == 10


# Where there is no room


def test_a_folder_without_room_is_an_error_that_names_it(tmp_path: Path) -> None:
    """No file of this process may get longer: as on a full disk, writing fails."""
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "large").write_bytes(os.urandom(4 << 20))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(SourceError, match=r"cannot be written in .*: File too large") as raised:
            read(FolderReader(folder), tmp_path / "work")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.mend.startswith("free space there")
