"""Python, SQLite, room, and the file systems that the databases are on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local.doctor import file_systems, machine
from local.doctor.file_systems import is_shared
from local.doctor.machine import Room, has_wal_reset_bug, judge_python, judge_space, judge_sqlite, rooms
from local.mounts import parse_linux, parse_macos, type_at
from local.settings import Database
from tests.support.workshop import make_database

ROOM = Room("cache folder", Path("/cache"), 1000, 4000, "a backup")


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 44, 9), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_the_wal_reset_bug_is_told_of_the_versions_that_have_it(version: tuple[int, int, int], bug: bool) -> None:
    assert has_wal_reset_bug(version) is bug
    assert judge_sqlite(version).verdict == ("warn" if bug else "ok")


@pytest.mark.parametrize(("version", "verdict"), [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 14, 0), "ok")])
def test_an_old_python_is_told(version: tuple[int, ...], verdict: str) -> None:
    assert judge_python(version, "/bin/python").verdict == verdict


@pytest.mark.parametrize(("free_bytes", "verdict"), [(999, "fail"), (1000, "warn"), (3999, "warn"), (4000, "ok")])
def test_room_is_judged(free_bytes: int, verdict: str) -> None:
    check = judge_space(ROOM, free_bytes, writable=True)

    assert check.verdict == verdict
    assert ("df -h /cache" in check.mend) == (verdict != "ok")


def test_a_folder_that_is_to_be_written_must_be_this_user_s_to_write() -> None:
    check = judge_space(ROOM, 4000, writable=False)
    beside = judge_space(replace(ROOM, needed_bytes=0), 4000, writable=False)

    assert (check.verdict, beside.verdict) == ("fail", "ok")
    assert check.mend == "look at the rights of that folder: ls -ld /cache"


def test_room_is_needed_for_snapshots_at_once_a_drill_and_a_restore_beside_each_database() -> None:
    sizes = {Path("/a/1.db"): 10, Path("/a/2.db"): 30, Path("/b/3.db"): 20}

    found = rooms(sizes, Path("/cache"), Path("/tmp"), at_once=2)

    assert [(str(room.folder), room.needed_bytes, room.ample_bytes) for room in found] == [
        ("/cache", 30, 50),
        ("/tmp", 30, 60),
        ("/a", 0, 60),
        ("/b", 0, 40),
    ]
    assert rooms({}, Path("/cache"), Path("/tmp"), at_once=2) == ()


def test_real_room_is_looked_at_also_where_the_folder_is_not_made_yet(tmp_path: Path) -> None:
    make_database(tmp_path / "costs.db")
    database = Database(name="costs", path=tmp_path / "costs.db")

    *_, space = machine.preconditions([database, Database(name="gone", path=tmp_path / "gone.db")], tmp_path / "a/b")

    assert [check.verdict for check in space.look()] == ["ok"] * 3


LINUX = """/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
nas:/share /mnt/my\\040share nfs4 rw 0 0
mac /host virtiofs rw 0 0
/dev/sdb1 /host/disk ext4 rw 0 0
old /data ext4 rw 0 0
new /data fuse.sshfs rw 0 0
"""
MACOS = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect)
//me@nas/Alai on /Volumes/My (old) share (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.parametrize(
    ("mounts", "path", "kind"),
    [
        (parse_linux(LINUX), "/home/me/a.db", "ext4"),
        (parse_linux(LINUX), "/mnt/my share/a.db", "nfs4"),
        (parse_linux(LINUX), "/mnt/my sharehouse/a.db", "ext4"),
        (parse_linux(LINUX), "/host/a.db", "virtiofs"),
        (parse_linux(LINUX), "/host/disk/a.db", "ext4"),
        (parse_linux(LINUX), "/data/a.db", "fuse.sshfs"),
        (parse_macos(MACOS), "/Users/me/a.db", "apfs"),
        (parse_macos(MACOS), "/Volumes/My (old) share/a.db", "smbfs"),
        ((), "/a.db", None),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_longest_mount_point(
    mounts: tuple[tuple[str, str], ...], path: str, kind: str | None
) -> None:
    assert type_at(mounts, path) == kind


@pytest.mark.parametrize(
    ("kind", "shared"),
    [("ext4", False), ("apfs", False), ("overlay", False), ("fuseblk", False), ("tmpfs", False)]
    + [
        (kind, True)
        for kind in ("virtiofs", "9p", "fuse.grpcfuse", "nfs", "nfs4", "smbfs", "cifs", "osxfs", "grpcfuse")
    ],
)
def test_what_two_sides_may_see_is_known(kind: str, shared: bool) -> None:
    assert is_shared(kind) is shared


@pytest.mark.parametrize(
    ("kinds", "verdict", "told"),
    [
        ({"a": "ext4", "b": "xfs"}, "ok", "(ext4, xfs)"),
        ({"a": "ext4", "b": "virtiofs"}, "warn", "b (virtiofs); WAL does not work there"),
        ({"a": None, "b": "ext4"}, "skipped", "not known for a"),
    ],
)
def test_file_systems_are_judged(kinds: dict[str, str | None], verdict: str, told: str) -> None:
    check = file_systems.judge(kinds)

    assert check.verdict == verdict
    assert told in check.message


def test_this_machine_s_own_mounts_are_read(tmp_path: Path) -> None:
    (check,) = file_systems.precondition([Database(name="a", path=tmp_path / "a.db")]).look()

    assert check.verdict in ("ok", "warn")
