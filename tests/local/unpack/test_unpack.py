"""What comes out of a tar is what went into it, in every respect; and nothing that a tar says leads anywhere else."""

from __future__ import annotations

import os
import resource
import stat
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import PillarError, StoreError
from local.unpack import unpack as unpack_module
from local.unpack.remove import remove_tree
from tests.local.unpack.trees import HOLE_BYTES, awkward_tree, folder, look, member, tar_of, tar_with, unpacked

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
NOBODY = 65534


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("awkward")
    (root / "tree").mkdir()
    return root / "tree", tar_of(awkward_tree(root / "tree"), root / "volume.tar")


@AS_ROOT
def test_an_awkward_tree_comes_back_in_every_respect(awkward: tuple[Path, Path], tmp_path: Path) -> None:
    tree, tar = awkward
    found = unpacked(tar, tmp_path / "back")
    assert look(tmp_path / "back") == look(tree)
    assert found.unkept.counts == {}
    assert found.files == len(look(tree)) - 1
    assert (tmp_path / "back/sparse").stat().st_blocks * 512 < HOLE_BYTES / 8
    remove_tree(tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


@AS_ROOT
def test_somebody_who_is_not_root_gets_all_but_the_owners_and_is_told(
    awkward: tuple[Path, Path], tmp_path: Path
) -> None:
    tree, _ = awkward
    tmp_path.chmod(0o777)
    for above in tmp_path.parents[:3]:
        above.chmod(above.stat().st_mode | 0o011)
    tar = tmp_path / "volume.tar"
    tar_of(tree, tar)

    def restored() -> bytes:
        found = unpacked(tar, tmp_path / "back")
        return repr(sorted(found.unkept.counts.items())).encode()

    counts = dict(eval(as_nobody(restored)))
    entries = look(tree)
    assert counts.pop("owner") == len(entries) - 1  # a hard link has none of its own
    # Nobody's own program must not run as whoever restored it: the set-id bits stay away, with the owners.
    assert counts == {"mode": 3}
    back = look(tmp_path / "back")
    assert {path: _but_owner_and_ids(about) for path, about in back.items()} == {
        path: _but_owner_and_ids(about) for path, about in entries.items()
    }

    def removed() -> bytes:
        remove_tree(tmp_path / "back")
        return b""

    as_nobody(removed)
    assert not (tmp_path / "back").exists()


def _but_owner_and_ids(about: tuple[object, ...]) -> tuple[object, ...]:
    mode, _uid, _gid, *rest = about
    return (int(str(mode), 8) & ~0o6000, *rest)


def as_nobody(work: Callable[[], bytes]) -> bytes:
    """What the work gives in a process that is nobody's."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, work())
        except BaseException as error:
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(process, 0)
    with os.fdopen(reader, "rb") as file:
        return file.read()


HOSTILE = {
    "an absolute path": [member("/tmp/pillar9-escaped", b"x")],
    "a path that goes up": [member("../escaped", b"x")],
    "a path that goes up within": [folder("a"), member("a/../../escaped", b"x")],
    "a path through a symlink out": [
        member("out", type=tarfile.SYMTYPE, linkname=".."),
        member("out/escaped", b"x"),
    ],
    "a path through a symlink of an absolute path": [
        member("out", type=tarfile.SYMTYPE, linkname="/tmp"),
        member("out/pillar9-escaped", b"x"),
    ],
    "a folder over a symlink": [member("out", type=tarfile.SYMTYPE, linkname=".."), folder("out")],
    "a file over a symlink": [member("out", type=tarfile.SYMTYPE, linkname="../escaped"), member("out", b"x")],
    "a symlink over a folder": [folder("a"), member("a", type=tarfile.SYMTYPE, linkname="..")],
    "a path through a file": [member("a", b"x"), member("a/b", b"x")],
    "a path through a FIFO": [member("a", type=tarfile.FIFOTYPE), member("a/b", b"x")],
    "a hard link out": [member("a", type=tarfile.LNKTYPE, linkname="../outside")],
    "a hard link of an absolute path": [member("a", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "a hard link through a symlink": [
        member("out", type=tarfile.SYMTYPE, linkname=".."),
        member("a", type=tarfile.LNKTYPE, linkname="out/outside"),
    ],
    "a hard link to a symlink": [
        member("out", type=tarfile.SYMTYPE, linkname="../outside"),
        member("a", type=tarfile.LNKTYPE, linkname="out"),
    ],
    "a hard link to what comes later": [
        member("a", type=tarfile.LNKTYPE, linkname="b"),
        member("b", b"x"),
    ],
    "a hard link to nothing in a folder": [folder("a"), member("b", type=tarfile.LNKTYPE, linkname="a/none")],
    "a hard link over a file": [member("a", b"x"), member("b"), member("b", type=tarfile.LNKTYPE, linkname="a")],
    "a character device": [member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a block device": [member("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "a file twice": [member("a", b"1"), member("a", b"2")],
    "a file as the folder itself": [member(".", b"x")],
    "a symlink as the folder itself": [member(".", type=tarfile.SYMTYPE, linkname="/tmp")],
    "a symlink to nothing": [member("a", type=tarfile.SYMTYPE, linkname="")],
    "a path that is longer than any": [member("a/" * 10_000 + "b", b"x")],
    "a file with a symlink's name behind it": [
        member("a/b", b"x"),
        member("a/b/", type=tarfile.SYMTYPE, linkname="/tmp"),
    ],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_backup_holds_is_refused_and_nothing_outside_is_touched(tmp_path: Path, what: str) -> None:
    (tmp_path / "outside").write_bytes(b"outside")
    tar = tar_with(tmp_path / "hostile.tar", *HOSTILE[what])
    before = look(tmp_path)
    with pytest.raises(StoreError) as refused:
        unpacked(tar, tmp_path / "back")
    assert "backup.list" in refused.value.mend
    remove_tree(tmp_path / "back")
    after = look(tmp_path)
    assert {path: about for path, about in after.items() if path != b"."} == {
        path: about for path, about in before.items() if path != b"."
    }
    assert not Path("/tmp/pillar9-escaped").exists()


def test_a_link_that_leads_out_is_made_as_it_is_and_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"as it was")
    os.utime(outside, (1, 1))
    link = member("log", type=tarfile.SYMTYPE, linkname=str(outside), mtime=7, uid=5, gid=6, mode=0o777)
    tar = tar_with(tmp_path / "x.tar", folder("."), link)
    before = look(tmp_path)[b"outside"]
    unpacked(tar, tmp_path / "back")
    assert look(tmp_path)[b"outside"] == before
    assert (tmp_path / "back/log").readlink() == outside


def test_a_tar_that_ends_early_or_has_more_behind_it_is_refused(tmp_path: Path) -> None:
    whole = tar_with(tmp_path / "x.tar", folder("."), member("a", b"x" * 5000)).read_bytes()
    for number, damaged in enumerate((whole[:3000], whole[:6000], whole + b"x" * 512, b"no tar" * 200)):
        tar = tmp_path / f"{number}.tar"
        tar.write_bytes(damaged)
        with pytest.raises(StoreError):
            unpacked(tar, tmp_path / f"back {number}")


def test_folders_that_the_tar_does_not_name_are_private_and_told(tmp_path: Path) -> None:
    found = unpacked(tar_with(tmp_path / "x.tar", member("a/b/c", b"x")), tmp_path / "back")
    assert stat.S_IMODE((tmp_path / "back/a/b").stat().st_mode) == 0o700
    assert found.unkept.counts["folder"] == 3


def test_a_folder_that_comes_twice_is_as_the_last_says(tmp_path: Path) -> None:
    twice = [folder("."), folder("a", mtime=5), member("a/b", b"x"), folder("a", mtime=9)]
    unpacked(tar_with(tmp_path / "x.tar", *twice), tmp_path / "back")
    assert (tmp_path / "back/a").stat().st_mtime == 9


@pytest.mark.parametrize("limit", [200_000, 0])
def test_a_disk_or_a_limit_that_is_too_small_says_at_which_file_and_what_mends_it(tmp_path: Path, limit: int) -> None:
    tar = tar_with(tmp_path / "x.tar", folder("."), member("small", b"x"), member("large", os.urandom(400_000)))
    found = with_file_limit(limit, tar, tmp_path / "back")
    name = "large" if limit else "small"
    told = f"{name}: a file may not become that large here; nothing of it stands anywhere"
    assert found == f"restore: unpack the tar: {told}"


def with_file_limit(limit: int, tar: Path, target: Path) -> str:
    """What is told by a process whose files may have that many bytes."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            unpacked(tar, target)
        except PillarError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(process, 0)
    with os.fdopen(reader, "rb") as file:
        return file.read().decode()


def another_content(back: Path) -> None:
    (back / "a/file").write_bytes(b"y" * 5000)


def one_more(back: Path) -> None:
    (back / "a/more").touch()


def one_less(back: Path) -> None:
    (back / "a/file").unlink()


def a_link_instead(back: Path) -> None:
    (back / "a/file").unlink()
    (back / "a/file").symlink_to("../soft")


def another_link(back: Path) -> None:
    (back / "soft").unlink()
    (back / "soft").symlink_to("b")


def a_copy_of_a_hard_link(back: Path) -> None:
    (back / "hard").unlink()
    (back / "hard").write_bytes(b"x" * 5000)


@pytest.mark.parametrize(
    "meddle", [another_content, one_more, one_less, a_link_instead, another_link, a_copy_of_a_hard_link]
)
def test_what_stands_there_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[Path], None]
) -> None:
    tar = tar_with(
        tmp_path / "x.tar",
        folder("."),
        folder("a"),
        member("a/file", b"x" * 5000),
        member("hard", type=tarfile.LNKTYPE, linkname="a/file"),
        member("soft", type=tarfile.SYMTYPE, linkname="a"),
    )
    back = tmp_path / "back"

    def synced(_root: int) -> None:
        meddle(back)

    monkeypatch.setattr(unpack_module, "sync_tree", synced)
    with pytest.raises(StoreError, match="what stands there now is something else"):
        unpacked(tar, back)


def access_list(user: int) -> bytes:
    """An access list by which that user reads and writes too, as the kernel keeps it (linux/posix_acl_xattr.h)."""
    entries = ((1, 7, 2**32 - 1), (2, 7, user), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1), (32, 0, 2**32 - 1))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_nothing_is_inherited_from_the_folder_that_it_is_unpacked_into(tmp_path: Path) -> None:
    os.setxattr(tmp_path, "system.posix_acl_default", access_list(1234))
    unpacked(tar_with(tmp_path / "x.tar", folder("."), folder("a"), member("a/b", b"x")), tmp_path / "back")
    assert [os.listxattr(tmp_path / "back" / name) for name in (".", "a", "a/b")] == [[], [], []]


@AS_ROOT
def test_access_lists_capabilities_and_odd_attributes_come_back(tmp_path: Path) -> None:
    (tmp_path / "tree/folder").mkdir(parents=True)
    file = tmp_path / "tree/file"
    file.write_bytes(b"x")
    os.setxattr(tmp_path / "tree/folder", "system.posix_acl_default", access_list(1))
    os.setxattr(file, "system.posix_acl_access", access_list(2))
    os.setxattr(file, "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    os.setxattr(file, "user.a=b%c", b"value")
    found = unpacked(tar_of(tmp_path / "tree", tmp_path / "x.tar"), tmp_path / "back")
    assert look(tmp_path / "back") == look(tmp_path / "tree")
    assert found.unkept.counts == {}
