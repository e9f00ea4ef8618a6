"""Folders as a volume may hold them, tars of them, and what can be said of a tree to tell it from another."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from local.unpack.unpack import Unpacked, unpack

LONG_NAME = b"n" * 255
DEEP = b"/".join([b"deep" * 49] * 20)
LONG_AGO_NS = -86_400_123_456_789
HOLE_BYTES = 8 << 20


def awkward_tree(root: Path) -> Path:
    """One of each thing that a volume may hold and a careless unpacking loses."""
    at = os.fsencode(root)
    Path(os.fsdecode(at + b"/" + DEEP)).mkdir(parents=True)
    Path(os.fsdecode(at + b"/" + DEEP + b"/" + b"leaf" * 15)).write_bytes(b"at the end of some 4,000 bytes")
    (root / "empty").mkdir()
    (root / "names").mkdir()
    for name in (LONG_NAME, b"no utf-8 \xff\xfe", b"new\nline \x1b[31m", b"back\\slash", b"-rf", b" "):
        Path(os.fsdecode(at + b"/names/" + name)).write_bytes(name)
    (root / "closed").mkdir()
    (root / "closed/secret").write_bytes(b"nobody reads this")
    (root / "closed/secret").chmod(0)
    os.link(root / "closed/secret", root / "names/the same secret")
    (root / "runs").write_bytes(b"#!/bin/sh\n")
    (root / "runs").chmod(0o6755)
    (root / "shared").mkdir()
    with (root / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(HOLE_BYTES)
        file.write(b"in between")
        file.truncate(2 * HOLE_BYTES)
    (root / "nothing").touch()
    (root / "link out").symlink_to("/dev/stdout")
    (root / "link in").symlink_to("names/-rf")
    os.mkfifo(root / "pipe")
    os.setxattr(root / "nothing", "user.colour", b"\0\xffblue")
    os.setxattr(root / "empty", "user.of a folder", b"")
    _owners_and_times(root)
    (root / "closed").chmod(0o500)
    (root / "shared").chmod(0o3777)
    (root / "empty").chmod(0)
    root.chmod(0o2750)
    return root


def _owners_and_times(root: Path) -> None:
    """Each another owner, where that can be, and another time, also before 1970; the folders' last."""
    found = sorted(root.rglob("*"), key=lambda path: len(path.parts), reverse=True)
    for number, path in enumerate([*found, root]):
        mode = path.lstat().st_mode
        if os.geteuid() == 0:
            os.chown(path, 1000 + number, 2000 + number, follow_symlinks=False)
            if stat.S_ISREG(mode):
                path.chmod(stat.S_IMODE(mode))
        moment = LONG_AGO_NS if number % 3 == 0 else 1_700_000_000_123_456_789 + number
        os.utime(path, ns=(moment, moment), follow_symlinks=False)


def tar_of(folder: Path, target: Path, *options: str) -> Path:
    """As GNU tar makes it, with all that it can keep."""
    how = options or ("--format=pax", "--xattrs", "--xattrs-include=*", "--numeric-owner")
    subprocess.run(["tar", "-C", str(folder), *how, "-cf", str(target), "."], check=True)
    return target


def tar_with(target: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A tar of these members, whatever they say."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return target


def member(name: str, content: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A file of that name, or what `more` makes of it."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in more.items():
        setattr(info, field, value)
    return info, content


def folder(name: str, **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A folder of that name."""
    return member(name, type=tarfile.DIRTYPE, mode=0o755, **more)


def unpacked(tar: Path, target: Path) -> Unpacked:
    """Unpack where nobody watches."""
    return unpack(tar, target, lambda _step, _bytes: None)


def look(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that a tree is, by path, so that what differs in any respect differs here; of hard links the first one."""
    found: dict[bytes, tuple[object, ...]] = {}
    first: dict[int, bytes] = {}
    for path in sorted([root, *root.rglob("*")]):
        state, name = path.lstat(), os.fsencode(path.relative_to(root))
        same = first.setdefault(state.st_ino, name)
        xattrs = {key: os.getxattr(path, key, follow_symlinks=False) for key in _xattrs(path)}
        about = (oct(state.st_mode), state.st_uid, state.st_gid, state.st_mtime_ns, same, _content(path, state))
        found[name] = (*about, xattrs)
    return found


def _xattrs(path: Path) -> list[str]:
    return [name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith("security.selinux")]


def _content(path: Path, state: os.stat_result) -> bytes:
    if stat.S_ISLNK(state.st_mode):
        return os.fsencode(path.readlink())
    return path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
