"""An archive on its way into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local.store.durable import AtomicFile, refusals
from local.store.folder_commit import commit_file
from local.store.folder_entries import etag_at
from local.store.interface import changed_meanwhile


class FolderUpload:
    """An archive being written beside its place, until the commit; every byte of it is written, wherever it stands."""

    base_blocks: tuple[str, ...] = ()

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._former = self._etag()
        self._file = AtomicFile(root, path)
        self.is_begun = False
        self.sent = 0

    def foresee(self, offset: int | None, data: bytes) -> None:
        """Nothing: the file is written in its order."""

    def send(self, data: bytes) -> None:
        """Append the bytes."""
        self._begin()
        self._file.write(data)
        self.sent += len(data)

    def reuse(self, offset: int, data: bytes) -> None:  # noqa: ARG002 - written again, wherever they stand
        """Append the bytes."""
        self.send(data)

    def commit(self, metadata: Mapping[str, str]) -> tuple[str, ...]:
        """Keep the former content beside the new one, then put the new one in place, if nobody else did meanwhile."""
        self._begin()
        if self._etag() != self._former:
            raise changed_meanwhile(self._path.relative_to(self._root).as_posix())
        commit_file(self._root, self._file, metadata)
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_begun:
            self.is_begun = False
            self._file.__exit__(kind, error, trace)

    def _begin(self) -> None:
        if not self.is_begun:
            self._file.__enter__()
            self.is_begun = True

    def _etag(self) -> str | None:
        with refusals(f"look at {self._path}"):
            return etag_at(self._path)
