"""What this machine keeps of a store that is elsewhere: the last archive of each database.

Its bytes stand in a pack, to which each run appends those that are new, and an index says which stretches of the pack
are the archive. The index is replaced by one rename, so a run that is killed leaves the former archive, and behind it
in the pack what the next run cuts off.

It spares compression and nothing else: each member read from it is checked against the archive's table, and without it
the result is the same. So nothing waits here for the disk: what a power cut takes is compressed again. A store in a
folder needs none, since the archive is there to be read.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs

from local.archive.extents import Extent, Extents, append
from local.archive.private_file import open_new, open_own
from local.archive.private_folder import make_private
from local.drill_program.restored_file import write_at
from local.settings import StoreSettings
from local.typed import from_json

_INDEX = "index"
_NEW_INDEX = "new-index"
_NEW_PACK = "new-pack"
# Of the most members that a table can tell of, in the longest list of blocks, it would have some 30 MB.
_INDEX_BYTES_MAX = 64 * 1024 * 1024


class _Index(msgspec.Struct, frozen=True):
    sha256: str
    pack: Annotated[str, msgspec.Meta(pattern=r"^pack-[0-9a-f]{16}\Z")]
    blocks: tuple[str, ...]
    extents: tuple[Extent, ...]


@dataclass(frozen=True)
class KeptArchive:
    """The last archive on this machine: where in its pack it stands, and the blocks under which the store took it."""

    pack: Path
    extents: Extents
    blocks: tuple[str, ...]


class ArchiveCopy:
    """A copy of an archive that is being written; a folder that takes none is done without, and `trouble` says why.

    Where `former` is given the copy goes on in its pack, else in a new one.
    """

    def __init__(self, folder: Path | None, former: KeptArchive | None = None) -> None:
        self._folder = folder
        self._former = former.extents if former else None
        self._pack = former.pack if former else None
        self._file: int | None = None
        self._end = self._former.end if self._former else 0
        self._row: list[Extent] = []
        self.trouble: OSError | None = None
        if folder is not None:
            with self._tolerant():
                self._begin(folder)

    def write(self, data: bytes) -> None:
        """The archive's next bytes."""
        if self._file is None:
            return
        with self._tolerant():
            write_at(self._file, data, self._end)
            append(self._row, Extent(self._end, len(data)))
            self._end += len(data)

    def reuse(self, offset: int, data: bytes) -> None:
        """The archive's next bytes, which were read at `offset` of the former one's copy."""
        if self._former is None:
            self.write(data)
            return
        for extent in self._former.part(offset, len(data)):
            append(self._row, extent)

    def keep(self, sha256: str, blocks: Sequence[str]) -> None:
        """The copy is whole: it takes the place of the former one."""
        if self._file is None or self._folder is None:
            return
        with self._tolerant():
            pack = self._pack or self._folder / f"pack-{secrets.token_hex(8)}"
            index = _Index(sha256, pack.name, tuple(blocks), tuple(self._row))
            _write_index(self._folder / _NEW_INDEX, index)
            if self._pack is None:
                (self._folder / _NEW_PACK).replace(pack)
            (self._folder / _NEW_INDEX).replace(self._folder / _INDEX)
            file, self._file = self._file, None
            os.close(file)
            _clear(self._folder, {_INDEX, pack.name})

    def close(self) -> None:
        """Remove what is not whole; what cannot be removed now, the next run clears away."""
        if self._file is None or self._folder is None:
            return
        file, self._file = self._file, None
        with suppress(OSError):
            if self._former:
                os.ftruncate(file, self._former.end)
        with suppress(OSError):
            os.close(file)
        for name in (_NEW_PACK, _NEW_INDEX):
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def _begin(self, folder: Path) -> None:
        make_private(folder)
        self._file = open_own(self._pack, os.O_RDWR) if self._pack else open_new(folder / _NEW_PACK)
        # Behind the former archive stands what a killed run appended; what a power cut took of it becomes a hole.
        os.ftruncate(self._file, self._end)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.trouble = error
            self.close()


def kept_archive(folder: Path, sha256: str) -> KeptArchive | None:
    """The copy of the archive with this digest; all else in the folder is removed, since nobody will ask for it."""
    index = _read_index(folder / _INDEX)
    kept = None
    if index and index.sha256 == sha256 and _is_own(folder / index.pack):
        kept = KeptArchive(folder / index.pack, Extents(index.extents), index.blocks)
    with suppress(OSError):
        _clear(folder, {_INDEX, kept.pack.name} if kept else set())
    return kept


def cache_folder(store: StoreSettings) -> Path:
    """The folder for what belongs to one store; it may be deleted at any time.

    The folder above it is made, for this user alone: ConfigError where it is another's, OSError where it cannot be.
    """
    key = hashlib.sha256(f"{store.url} {store.prefix}".encode()).hexdigest()[:16]
    own = Path(platformdirs.user_cache_dir("pillar9", appauthor=False))
    make_private(own)
    return own / key


def _read_index(path: Path) -> _Index | None:
    """None where it is not whole, as it was written, and of this user's own."""
    try:
        with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
            digest, _, text = file.read(_INDEX_BYTES_MAX).partition(b"\n")
        return from_json(text, _Index) if digest == _digest(text) else None
    except (OSError, ValueError, RecursionError, msgspec.DecodeError):
        return None


def _write_index(path: Path, index: _Index) -> None:
    text = msgspec.json.encode(index)
    file = open_new(path)
    try:
        write_at(file, _digest(text) + b"\n" + text, 0)
    finally:
        os.close(file)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _is_own(path: Path) -> bool:
    try:
        os.close(open_own(path, os.O_RDWR))
    except OSError:
        return False
    return True


def _clear(folder: Path, kept: set[str]) -> None:
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
