"""A folder with everything that a volume may hold, and how two folders are compared to the last attribute."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.folder_reader import GNU_TAR

LONG = "l" * 120
# A Mac's file system takes no such name.
NO_UTF8 = "no utf-8" if sys.platform == "darwin" else os.fsdecode(b"no utf-8 \xff\xfe")
OWN_ATTRIBUTE = "user.binary"


def make_odd_volume(folder: Path) -> Path:
    """Every kind of entry that a tar keeps, with odd names, owners, times and attributes, as far as this user may."""
    folder.mkdir()
    for name, content in (
        ("plain", b"plain\n"),
        ("empty", b""),
        ("one block", b"x" * 512),
        ("two blocks", b"y" * 1024),
        ("café 漢", b"utf-8\n"),
        (NO_UTF8, b"bytes\n"),
        ("line\nbreak", b"n\n"),
        (" -leading", b"-\n"),
        ("random", os.urandom(300_001)),
        ("before 1970", b"old\n"),
        ("sub-second", b"ns\n"),
        ("setuid", b"s\n"),
        ("large owner", b"o\n"),
        ("attributes", b"a\n"),
    ):
        (folder / name).write_bytes(content)
    os.utime(folder / "before 1970", ns=(0, -86_400_000_000_000))
    os.utime(folder / "sub-second", ns=(0, 1_600_000_000_123_456_789))
    (folder / "setuid").chmod(0o6755)
    if os.geteuid() == 0:
        os.chown(folder / "large owner", 3_000_000, 4_000_000_000)
    if sys.platform == "linux":
        os.setxattr(folder / "attributes", OWN_ATTRIBUTE, b"\0\xff\n=\x80 binary")
        os.setxattr(folder / "attributes", "user.plain", b"text")
    deep = folder / LONG / ("d" * 150) / ("e" * 100)
    deep.mkdir(parents=True)
    (deep / "deep").write_bytes(b"deep\n")
    (deep / f"deep {NO_UTF8}").write_bytes(b"deep bytes\n")
    (folder / "long link").symlink_to("t" * 200 + "/target")
    (folder / "link").symlink_to("plain")
    (folder / "dangling").symlink_to(NO_UTF8)
    os.mkfifo(folder / "fifo", 0o620)
    (folder / "sticky").mkdir()
    (folder / "sticky").chmod(0o1777)
    # A tool's walk may come to another name first: `a-link` is before all in `a`, or behind it.
    (folder / "a").mkdir()
    (folder / "a/linked").write_bytes(b"many names\n" * 10_000)
    (folder / "a-link").hardlink_to(folder / "a/linked")
    (folder / "zz").hardlink_to(folder / "a/linked")
    with (folder / "sparse").open("wb") as file:
        file.write(b"start")
        file.truncate(3 << 20)
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_dir())):
        os.utime(path, ns=(0, 1_500_000_000_000_000_000 + number))
    os.utime(folder, ns=(0, 1_400_000_000_000_000_000))
    return folder


@dataclass(frozen=True)
class FoundEntry:
    """What can be told of an entry by who unpacked it."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int
    names: int
    content: bytes
    attributes: dict[str, bytes]


def found_in(folder: Path) -> dict[str, FoundEntry]:
    """All below a folder by path, itself as `.`."""
    return {str(path.relative_to(folder)): _found(path) for path in [folder, *folder.rglob("*")]}


def _found(path: Path) -> FoundEntry:
    found = path.lstat()
    content, attributes = b"", {}
    if stat.S_ISREG(found.st_mode):
        content = path.read_bytes()
        if sys.platform == "linux":
            attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    if stat.S_ISLNK(found.st_mode):
        content = os.fsencode(path.readlink())
    names = 1 if stat.S_ISDIR(found.st_mode) else found.st_nlink
    return FoundEntry(found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, names, content, attributes)


def unpacked(archive: Path, target: Path, program: str) -> Path:
    """What `tar xzf` makes of an archive, by hand and as root: GNU's, or bsdtar."""
    target.mkdir()
    attributes = ["--xattrs", "--xattrs-include=*"] if program == GNU_TAR else []
    command = [program, "-xpzf", str(archive), *attributes]
    done = subprocess.run(command, cwd=target, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True)
    left = [line for line in done.stderr.splitlines() if b"implausibly old" not in line and b"hdrcharset" not in line]
    assert left == []
    return target
