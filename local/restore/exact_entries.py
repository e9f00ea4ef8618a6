"""A volume's entries as its own folder has them, in a stream of its engine's, which keeps some of it to itself.

For a volume to which nobody writes meanwhile: there the folder is the volume's, or nothing of it counts.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from local.drill_program.tar_entries import TarEntry
from local.volumes.exact import agrees, completed
from local.volumes.mounted_folder import MountedFolder
from local.volumes.mountpoint import Mountpoint


class ExactEntries:
    """Completes entries one by one; what was made of them counts only if `all_agree` in the end."""

    def __init__(self, mountpoint: Mountpoint | None) -> None:
        self._mountpoint = mountpoint
        self._folder = MountedFolder(mountpoint)
        self.all_agree = mountpoint is not None

    def complete(self, told: TarEntry) -> TarEntry:
        """The entry with what the folder says of it; as it was told from the first on that does not agree."""
        if self._mountpoint is None or not self.all_agree:
            return told
        there = self._folder.entry(told.path)
        self.all_agree = agrees(told, there, self._mountpoint)
        return completed(told, there, self._mountpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.close()
