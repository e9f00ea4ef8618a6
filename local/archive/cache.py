"""What this machine keeps of a store that is elsewhere: the last archive of each database, under its own digest.

It spares compression and nothing else: each member read from it is checked against the archive's table, and without it
the result is the same. A store in a folder needs none, since the archive is there to be read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import platformdirs

from local.archive.private_folder import make_private
from local.settings import StoreSettings
from local.typed import from_json

_NEW = "new"
_BLOCKS = ".blocks"


@dataclass(frozen=True)
class KeptArchive:
    """The last archive on this machine, and the blocks under which the store took it."""

    path: Path
    blocks: tuple[str, ...]


class ArchiveCopy:
    """A copy of an archive that is being written; a folder that takes none is done without, and `trouble` says why."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self.trouble: OSError | None = None
        if folder is not None:
            with self._tolerant():
                make_private(folder)
                self._file = _open_private(folder / _NEW)

    def write(self, data: bytes) -> None:
        """The archive's next bytes."""
        if self._file:
            with self._tolerant():
                self._file.write(data)

    def keep(self, sha256: str, blocks: Sequence[str]) -> None:
        """The copy is whole: it takes the place of the former one, under its digest."""
        if not self._file or not self._folder:
            return
        with self._tolerant():
            self._file.close()
            with _open_private(self._folder / f"{sha256}{_BLOCKS}") as file:
                file.write(msgspec.json.encode(tuple(blocks)))
            (self._folder / _NEW).replace(self._folder / sha256)
            _clear(self._folder, sha256)

    def close(self) -> None:
        """Remove what is not whole."""
        if self._file:
            self._file.close()
            self._file = None
        if self._folder:
            with suppress(OSError):
                (self._folder / _NEW).unlink()

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.trouble = error
            self.close()


def kept_archive(folder: Path, sha256: str) -> KeptArchive | None:
    """The copy of the archive with this digest; all else in the folder is removed, since nobody will ask for it."""
    with suppress(OSError):
        _clear(folder, sha256)
    try:
        blocks = from_json((folder / f"{sha256}{_BLOCKS}").read_bytes(), tuple[str, ...])
    except (OSError, ValueError, msgspec.DecodeError):
        return None
    path = folder / sha256
    return KeptArchive(path, blocks) if path.is_file() else None


def cache_folder(store: StoreSettings) -> Path:
    """The folder for what belongs to one store; it may be deleted at any time.

    The folder above it is made, for this user alone: ConfigError where it is another's, OSError where it cannot be.
    """
    key = hashlib.sha256(f"{store.url} {store.prefix}".encode()).hexdigest()[:16]
    own = Path(platformdirs.user_cache_dir("pillar9", appauthor=False))
    make_private(own)
    return own / key


def _open_private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _clear(folder: Path, sha256: str) -> None:
    for path in folder.iterdir():
        if path.name not in (sha256, f"{sha256}{_BLOCKS}"):
            path.unlink()
