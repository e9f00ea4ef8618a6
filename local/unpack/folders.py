"""The folders of a tree, each opened from the one above it and none through a link: no path leads out of it."""

from __future__ import annotations

import os

from local.drill_program.file_list import path_text
from local.errors import StoreError

ROOT = b"."
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# No engine and no program reads a path that is longer than a few of these; a tar may say anything.
_PATH_BYTES_MAX = 4 * 4096
# macOS gives a process 256 descriptors; what lies deeper is walked to anew.
_KEPT_OPEN = 40


class OpenFolders:
    """Descriptors of the folders on the way to the last one that was asked for, so that its neighbours are near."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._chain: list[tuple[bytes, int]] = []
        self._deep: tuple[list[bytes], int] | None = None

    def open(self, path: bytes) -> int:
        """The descriptor of a folder of the tree, good until the next call; OSError where it is none, or a link."""
        names = [] if path == ROOT else path.split(b"/")
        self._leave(names)
        for name in names[len(self._names) :]:
            self._enter(name)
        return self._last

    def close(self) -> None:
        """All but the root's, which is the caller's."""
        self._leave([])

    @property
    def _names(self) -> list[bytes]:
        return [*(name for name, _ in self._chain), *(self._deep[0] if self._deep else ())]

    @property
    def _last(self) -> int:
        return self._deep[1] if self._deep else self._chain[-1][1] if self._chain else self._root

    def _leave(self, names: list[bytes]) -> None:
        """Close what is not on the way to these names."""
        if self._deep:
            if self._names == names[: len(self._names)]:
                return
            os.close(self._deep[1])
            self._deep = None
        common = 0
        for (name, _), wanted in zip(self._chain, names, strict=False):
            if name != wanted:
                break
            common += 1
        while len(self._chain) > common:
            os.close(self._chain.pop()[1])

    def _enter(self, name: bytes) -> None:
        descriptor = os.open(name, OPEN_FOLDER, dir_fd=self._last)
        if self._deep:
            os.close(self._deep[1])
            self._deep = ([*self._deep[0], name], descriptor)
        elif len(self._chain) < _KEPT_OPEN:
            self._chain.append((name, descriptor))
        else:
            self._deep = ([name], descriptor)


def parent_and_name(path: bytes) -> tuple[bytes, bytes]:
    """The path of the folder that an entry stands in, and its name there."""
    parent, _, name = path.rpartition(b"/")
    return parent or ROOT, name


def require_inside(path: bytes) -> None:
    """Raise StoreError for a path that would leave the folder, or that is none."""
    if not path or path.startswith(b"/") or b".." in path.split(b"/") or b"\0" in path:
        raise refused(f"it holds the path {path_text(path)!r}, which leads out of the folder or is none")
    if len(path) > _PATH_BYTES_MAX:
        raise refused(f"it holds a path of {len(path)} bytes")


def refused(came_back: str) -> StoreError:
    """What no backup of ours holds: this archive was made or changed by somebody else."""
    mend = "choose another point (invoke backup.list), and find out who can write to the store"
    return StoreError("restore: unpack the tar", f"{came_back}; nothing of it stands anywhere", mend)
