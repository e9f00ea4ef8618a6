"""An unpacked tree appears under its name by one rename, with its own mode and time, and over nothing."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import ConfigError
from local.restore.private_folder import private_folder
from local.restore.to_folder import appear_folder
from tests.local.restore import killed_unpacking
from tests.local.restore.killed_unpacking import TARGET
from tests.local.unpack.test_unpack import AS_ROOT, as_nobody
from tests.local.unpack.trees import folder, look, member, tar_with
from tests.support.file_faults import cases

WHEN_NS = -5_000_000_001


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An unpacked tree in a private folder, whose owner may not write to it."""
    made = tmp_path / "to/x.pillar9-fetch/tree"
    made.mkdir(parents=True)
    (made / "file").write_bytes(b"x")
    made.chmod(0o555)
    os.utime(made, ns=(WHEN_NS, WHEN_NS))
    return made


def test_it_appears_with_its_own_mode_and_time(tree: Path, tmp_path: Path) -> None:
    appear_folder(tree, tmp_path / "to/x")
    assert_appeared(tmp_path / "to/x")
    assert not tree.exists()


def assert_appeared(path: Path) -> None:
    found = path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o555, WHEN_NS)
    assert (path / "file").read_bytes() == b"x"


@AS_ROOT
def test_somebody_who_is_not_root_moves_a_folder_that_may_not_be_written_to(tree: Path, tmp_path: Path) -> None:
    for above in (*tmp_path.parents[:3], tmp_path):
        above.chmod(above.stat().st_mode | 0o011)
    for path in (tree.parents[1], tree.parent, tree):
        os.chown(path, 65534, 65534)

    def appear() -> bytes:
        appear_folder(tree, tmp_path / "to/x")
        return b"done"

    assert as_nobody(appear) == b"done"
    assert_appeared(tmp_path / "to/x")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, link_to_nothing])
def test_whatever_came_there_meanwhile_stays(tree: Path, tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "to/x"
    make(path)
    before = path.lstat()
    with pytest.raises(ConfigError, match="never overwrites anything"):
        appear_folder(tree, path)
    assert path.lstat() == before
    assert (tree / "file").read_bytes() == b"x"


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir])
def test_what_comes_there_at_the_last_instant_stays(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    def come(path: Path) -> None:
        make(path)
        if path.is_dir():
            (path / "somebody's").touch()

    monkeypatch.setattr("local.restore.to_folder.check_new", come)
    with pytest.raises(ConfigError, match="never overwrites anything"):
        appear_folder(tree, tmp_path / "to/x")
    assert (tree / "file").read_bytes() == b"x"


@AS_ROOT
def test_what_a_killed_restore_left_is_removed_by_the_next_although_nobody_may_enter_it(tmp_path: Path) -> None:
    for above in (*tmp_path.parents[:3], tmp_path):
        above.chmod(above.stat().st_mode | 0o011)
    left = tmp_path / "to/x.pillar9-fetch/tree/closed/within"
    left.mkdir(parents=True)
    (left / "file").touch()
    for path in (left, *left.parents[:4]):
        os.chown(path, 65534, 65534)
    for path in (left, left.parent, left.parents[1]):
        path.chmod(0)
    left.parents[2].chmod(0o700)

    def next_restore() -> bytes:
        with private_folder(tmp_path / "to/x") as folder:
            return repr(list(folder.iterdir())).encode()

    assert as_nobody(next_restore) == b"[]"
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("fault", ["kill", "full"])
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_an_unpacking_may_end_anywhere(tmp_path: Path, fault: str, every: int) -> None:
    (tmp_path / "folder/to").mkdir(parents=True)
    (tmp_path / "cases").mkdir()
    members = (
        folder(".", mtime=5),
        folder("a", mtime=6),
        member("a/file", b"x" * 5000, mtime=7),
        member("hard", type=tarfile.LNKTYPE, linkname="a/file", mtime=7),
        member("soft", type=tarfile.SYMTYPE, linkname="a", mtime=8),
        member("pipe", type=tarfile.FIFOTYPE, mtime=9),
    )
    tar_with(tmp_path / "folder/volume.tar", *members)

    found = cases(f"{killed_unpacking.__name__}:restore", tmp_path / "folder", tmp_path / "cases", fault, every=every)

    assert len(found) > 10 // every
    whole = look(found[-1] / TARGET)
    assert len(whole) == 6
    for case in found:
        if fault == "full":
            assert {path.name for path in (case / "to").iterdir()} <= {"volume", "volume.pillar9-fetch"}
        if (case / TARGET).exists():
            assert look(case / TARGET) == whole, case
        else:
            killed_unpacking.restore(case)
            assert look(case / TARGET) == whole, case
            assert [path.name for path in (case / "to").iterdir()] == ["volume"]
