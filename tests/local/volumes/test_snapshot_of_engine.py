"""The tar of a volume from real engines: the same bytes as from a folder with the same content, whichever it was."""

from __future__ import annotations

import gzip
import os
import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.volumes.engine import Engine, open_engine
from local.volumes.mountpoint import Mountpoint
from local.volumes.snapshot import take
from tests.support.container_engines import ContainerEngine
from tests.support.folder_reader import GNU_TAR, FolderReader
from tests.support.odd_volume import found_in, make_odd_volume, unpacked


def only_what_both_engines_tell(folder: Path) -> None:
    """Whole seconds, no attributes, and of root: as much as each engine tells."""
    for path in [folder, *folder.rglob("*")]:
        for attribute in os.listxattr(path, follow_symlinks=False):
            os.removexattr(path, attribute)
        os.chown(path, 0, 0, follow_symlinks=False)
    (folder / "setuid").chmod(0o6755)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (0, path.lstat().st_mtime_ns // 10**9), follow_symlinks=False)


def test_each_engine_gives_the_bytes_that_the_same_folder_gives(
    container_engine: ContainerEngine, engine: Engine, tmp_path: Path
) -> None:
    odd = make_odd_volume(tmp_path / "odd")
    only_what_both_engines_tell(odd)
    folder = container_engine.volume("data")
    subprocess.run(["cp", "-a", f"{odd}/.", folder], check=True)
    for name in ("engine", "folder"):
        (tmp_path / name).mkdir()
    with engine.reading("data") as reader:
        found = take(reader, tmp_path / "engine", look_twice=True)
    expected = take(FolderReader(odd), tmp_path / "folder", look_twice=False)
    assert found.tar.read_bytes() == expected.tar.read_bytes()
    assert (found.cut, found.contents) == (expected.cut, expected.contents)


# As Linux writes them: a list for user 1234 beside the three classes, and CAP_NET_BIND_SERVICE.
ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, -1 % 2**32), (2, 7, 1234), (4, 4, -1 % 2**32), (16, 7, -1 % 2**32), (32, 4, -1 % 2**32))
)
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def everything_that_engines_keep_to_themselves(folder: Path) -> None:
    subprocess.run(["cp", "-a", f"{make_odd_volume(folder.parent / 'odd')}/.", folder], check=True)
    os.chown(folder / "plain", 1000, 1000)
    os.chown(folder / "link", 7, 8, follow_symlinks=False)
    os.setxattr(folder / "plain", "system.posix_acl_access", ACCESS_LIST)
    os.setxattr(folder / "sticky", "system.posix_acl_default", ACCESS_LIST)
    os.setxattr(folder / "setuid", "security.capability", CAPABILITY)
    os.setxattr(folder, "user.of the root", b"1")
    os.chown(folder, 999, 998)
    os.utime(folder, ns=(0, 1_400_000_000_987_654_321))


@pytest.mark.parametrize("name", ["docker_engine", "podman_engine"])
def test_what_an_engine_keeps_to_itself_comes_from_its_folder(
    request: pytest.FixtureRequest, name: str, tmp_path: Path
) -> None:
    """Owners, times to the nanosecond, access lists, capabilities and attributes, as root's `tar` gives them back."""
    running: ContainerEngine = request.getfixturevalue(name)
    folder = running.volume("data")
    everything_that_engines_keep_to_themselves(folder)
    for work in ("engine", "folder"):
        (tmp_path / work).mkdir()
    with open_engine() as engine, engine.reading("data") as reader:
        found = take(reader, tmp_path / "engine", mountpoint=reader.mountpoint)
        assert engine.without("data") == ()
    expected = take(
        FolderReader(folder), tmp_path / "folder", look_twice=False, mountpoint=Mountpoint(folder, owners_told=True)
    )
    assert found.is_exact
    assert found.tar.read_bytes() == expected.tar.read_bytes()
    assert found.contents == expected.contents
    archive = tmp_path / "v.tar.gz"
    archive.write_bytes(gzip.compress(found.tar.read_bytes(), 1))
    back = unpacked(archive, tmp_path / "back", str(GNU_TAR))
    assert found_in(back) == found_in(folder)
    assert os.getxattr(back / "plain", "system.posix_acl_access") == ACCESS_LIST
    assert os.getxattr(back / "setuid", "security.capability") == CAPABILITY
    assert os.getxattr(back, "user.of the root") == b"1"


@pytest.mark.long
def test_where_podman_is_elsewhere_its_owners_are_not_had(podman_engine: ContainerEngine, tmp_path: Path) -> None:
    """As through a forwarded socket: here is a folder of that name, and it is another one."""
    folder = podman_engine.volume("data")
    (folder / "a").write_text("x")
    os.chown(folder / "a", 1000, 1000)
    other = tmp_path / "other"
    subprocess.run(["cp", "-a", folder, other], check=True)
    (other / "a").write_text("y")
    os.utime(other / "a", (5, 5))
    (tmp_path / "work").mkdir()
    with open_engine() as engine, engine.reading("data") as reader:
        found = take(reader, tmp_path / "work", mountpoint=Mountpoint(other, owners_told=False))
        assert (found.is_exact, reader.without) == (False, ("the owners of all files: Podman tells each as root's",))


def test_a_live_database_is_fetched_again_through_the_engine(
    container_engine: ContainerEngine, engine: Engine, tmp_path: Path
) -> None:
    path = container_engine.volume("data") / "app.db"
    (tmp_path / "work").mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, engine.reading("data") as reader:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE rows(a)")
        looks = 0

        class Disturbed:
            def look(self, path: bytes = b"") -> Iterator[bytes]:
                nonlocal looks
                looks += 1
                if looks in (2, 4):
                    connection.execute("INSERT INTO rows VALUES (1)")
                    connection.execute("PRAGMA wal_checkpoint(truncate)")
                return reader.look(path)

        snapshot = take(Disturbed(), tmp_path / "work", look_twice=True)
    assert snapshot.contents.databases["app.db"].facts.rows == {"rows": 2}
    assert snapshot.contents.files == 1
    assert looks > 4
