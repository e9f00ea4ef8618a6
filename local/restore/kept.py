"""The pre-restore copies of a live database, `<path>.pre-restore-<epoch>`: making them, naming them, comparing them."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from local.restore.facts import SIDECARS
from local.restore.journal import kept_name
from local.store.durable import sync_file, sync_folder

_BLOCK_BYTES = 4096
_COPY_BYTES = 4 << 20
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EACCES)


@dataclass(frozen=True)
class Ownership:
    """Who a file belongs to, and its mode."""

    owner_id: int
    group_id: int
    mode: int

    def give(self, path: Path) -> None:
        """Make it that of `path`; only root gives a file away."""
        if os.geteuid() == 0:
            os.chown(path, self.owner_id, self.group_id)
        path.chmod(self.mode)


class Holds(Enum):
    """Which content a live database has: the one before the restore, or the restored one."""

    FORMER = "former"
    RESTORED = "restored"
    UNCLEAR = "unclear"


def free_name(live: Path) -> str:
    """The name of the next copy, with the time in seconds: later than every other, whatever the clock says."""
    newest = max((epoch for epoch, _ in _all(live)), default=0)
    return f"{live.name}.pre-restore-{max(int(time.time()), newest + 1)}"


def copies(live: Path) -> list[Path]:
    """The copies there are, the newest first."""
    found = {epoch: live.with_name(f"{live.name}.pre-restore-{text}") for epoch, text in _all(live)}
    return [found[epoch] for epoch in sorted(found, reverse=True)]


def surplus(live: Path, keep_copies: int) -> tuple[Path, ...]:
    """The files of all copies but the newest `keep_copies`: for a person to remove, and for nobody else."""
    older = copies(live)[keep_copies:]
    files = [each.with_name(each.name + end) for each in older for end in ("", *SIDECARS)]
    return tuple(path for path in files if os.path.lexists(path))


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, or its bytes where the file system has no hard links; `target` is new."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
        shutil.copystat(source, target)
        sync(target)


def copy_bytes(descriptor: int, target: Path) -> None:
    """Copy an open file, by its descriptor alone, into the new file `target` (0600)."""
    made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        offset = 0
        while data := os.pread(descriptor, _COPY_BYTES, offset):
            offset += os.pwrite(made, data, offset)
        sync_file(made)
    finally:
        os.close(made)


def sync(path: Path) -> None:
    """The file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def place(source: Path, target: Path) -> None:
    """Give a copy its name for good; FileExistsError where somebody else has it."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)
    sync_folder(target.parent)


def inode(path: Path) -> int | None:
    """The number of the file at `path`; None if there is none."""
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return None


def what_it_holds(content: Path, former: Path, restored: Path) -> Holds:
    """Which of two contents a consistent copy has, told by the blocks in which they differ.

    The first block has SQLite's own counters, and programs may have written since: most of the blocks decide.
    """
    is_former = is_restored = differing = 0
    with content.open("rb") as now, former.open("rb") as before, restored.open("rb") as after:
        for found, old, new in zip_longest(_blocks(now), _blocks(before), _blocks(after), fillvalue=b""):
            if old != new:
                differing += 1
                is_former += found == old
                is_restored += found == new
    if is_former > is_restored or not differing:
        return Holds.FORMER
    return Holds.RESTORED if is_restored > is_former else Holds.UNCLEAR


def same_content(left: Path, right: Path) -> bool:
    """Whether two copies are the same but for SQLite's own counters in the header (fileformat2.html, 1.3)."""
    if left.stat().st_size != right.stat().st_size:
        return False
    with left.open("rb") as ours, right.open("rb") as theirs:
        if _without_counters(ours.read(_BLOCK_BYTES)) != _without_counters(theirs.read(_BLOCK_BYTES)):
            return False
        while data := ours.read(_COPY_BYTES):
            if data != theirs.read(_COPY_BYTES):
                return False
    return True


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """All but the first one."""
    file.seek(_BLOCK_BYTES)
    while block := file.read(_BLOCK_BYTES):
        yield block


def _without_counters(block: bytes) -> bytes:
    """Without the journal mode, the change counter, the schema cookie, and where and by whom it was counted last."""
    return block[:18] + block[20:24] + block[28:40] + block[44:92] + block[100:]


def _all(live: Path) -> list[tuple[int, str]]:
    matches = (kept_name(live).fullmatch(each.name) for each in live.parent.iterdir())
    return [(int(match[1]), match[1]) for match in matches if match]
