"""Volumes of a gigabyte, of a hundred thousand files and of a file over 8 GiB: what they take of memory and disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.volumes.snapshot import take
from tests.support.folder_reader import GNU_TAR, FolderReader, needs_gnu_tar

pytestmark = [pytest.mark.long, needs_gnu_tar]
MIB = 1 << 20
# What the product promises for both volumes is 300 MB of the whole backup.
MEMORY_MB = 200

# A process of its own, as the most that it ever had is what counts. The first argument is the order of the names.
_PROGRAM = """
import os, random, resource, sys, tarfile
from pathlib import Path
from local.volumes.snapshot import take

order, count, size, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
names = [f"volume/folder-{number // 1000}/a-file-of-some-name-{number}" for number in range(count)]
if order == "shuffled":
    random.Random(9).shuffle(names)
content = os.urandom(1 << 20)

def header(name, kind, size):
    found = tarfile.TarInfo(name)
    found.type, found.size, found.mtime = kind, size, 1_700_000_000
    return found.tobuf(tarfile.PAX_FORMAT)

class Reader:
    def look(self, path=b""):
        for folder in ["volume"] + [f"volume/folder-{number}" for number in range(-(-count // 1000))]:
            yield header(folder, tarfile.DIRTYPE, 0)
        for number, name in enumerate(names):
            start = number * 7 % (len(content) - size)
            yield header(name, tarfile.REGTYPE, size)
            yield content[start : start + size] + bytes(-size % 512)
        yield bytes(1024)

snapshot = take(Reader(), folder, look_twice=True)
assert snapshot.contents.changing == () and snapshot.contents.file_bytes == count * size, snapshot.contents
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("order", ["walk", "shuffled"])
@pytest.mark.parametrize("shape", [(100_000, 300), (10_000, 100_000)])
def test_memory_is_bounded(order: str, shape: tuple[int, int], tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, order, *map(str, shape), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert int(done.stdout) <= MEMORY_MB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone mounts a file system")
@pytest.mark.parametrize("order", ["name", "none"])
def test_the_data_is_on_disk_once_whatever_the_order_was(order: str, small_disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number * 7 % 31}").write_bytes(os.urandom(2 * MIB))
    (folder / "large").write_bytes(os.urandom(10 * MIB))
    snapshot = take(FolderReader(folder, ("--format=posix", f"--sort={order}")), small_disk)
    assert snapshot.contents.file_bytes == 70 * MIB


def test_a_file_of_9_gib_is_kept_with_its_holes(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    with (folder / "large").open("wb") as file:
        file.write(b"start")
        file.seek(9 << 30)
        file.write(b"end")
    (folder / "z").write_bytes(b"behind it")
    (tmp_path / "work").mkdir()
    snapshot = take(FolderReader(folder), tmp_path / "work", look_twice=False)
    assert snapshot.tar.stat().st_blocks * 512 < 4 * MIB
    with tarfile.open(snapshot.tar) as tar:
        large, behind = tar.getmember("./large"), tar.getmember("./z")
        assert large.size == (9 << 30) + 3
        content = tar.extractfile(large)
        assert content is not None
        content.seek(9 << 30)
        assert content.read() == b"end"
        assert behind.size == 9
    done = subprocess.run([str(GNU_TAR), "-xSf", snapshot.tar, "-C", tmp_path / "work", "./z"], check=True)
    assert done.returncode == 0
    assert (tmp_path / "work/z").read_bytes() == b"behind it"
