"""What this machine remembers of the last archive: the members by the digest of the chunk they hold.

It spares compression and nothing else. Every member read from it is checked against its name before it is used, an
index that does not match its own digest is not used at all, and without a cache the result is the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
import platformdirs

from local.archive.gzip_member import Block, block_id
from local.settings import StoreSettings

_FORMAT = 1
_DIGEST_BYTES = 32


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A remembered member: the chunk's digest and size, the block's name, and where in the pack it is."""

    digest: bytes
    raw_bytes: int
    id: str
    offset: int
    length: int


class Remembered(msgspec.Struct, frozen=True):
    """The last archive: its members in order, and what its backup recorded."""

    pack: str
    members: tuple[Member, ...]
    metadata: dict[str, str]
    format: int = _FORMAT


class Cache:
    """The cache of one database in one store; `last` is None where nothing, or nothing usable, is remembered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / "index"
        self.last = self._read_index()
        self._by_digest = {member.digest: member for member in self.last.members} if self.last else {}
        self._pack: BinaryIO | None = None
        self._end = 0
        self._new: dict[bytes, Member] = {}
        if self.last:
            with suppress(FileNotFoundError):
                self._open(self._folder / self.last.pack)

    def member(self, digest: bytes) -> Member | None:
        """What is remembered of a chunk with this digest."""
        return self._by_digest.get(digest)

    def block(self, member: Member) -> Block | None:
        """The member's bytes; None where they are no longer what their name says."""
        if self._pack is None:
            return None
        data = os.pread(self._pack.fileno(), member.length, member.offset)
        if block_id(member.raw_bytes, data) != member.id:
            return None
        return Block(member.id, member.raw_bytes, data)

    def add(self, digest: bytes, block: Block) -> None:
        """Remember a member; called from one thread. Raises OSError where there is no room for it."""
        if digest in self._new:
            return
        if self._pack is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._open(self._folder / f"pack-{os.urandom(8).hex()}", create=True)
        assert self._pack is not None
        self._pack.seek(self._end)
        self._pack.write(block.data)
        self._new[digest] = Member(digest, block.raw_bytes, block.id, self._end, len(block.data))
        self._end += len(block.data)

    def save(self, digests: Iterable[bytes], metadata: dict[str, str]) -> None:
        """The archive of these chunks becomes the remembered one; a pack that is mostly waste is written anew."""
        members = tuple(self._new.get(digest) or self._by_digest[digest] for digest in digests)
        if self._pack is None:
            return
        self._pack.flush()
        if self._end > 2 * sum(member.length for member in members):
            members = self._compact(members)
        self._write_index(Remembered(Path(self._pack.name).name, members, metadata))
        for stale in self._folder.glob("pack-*"):
            if stale.name != Path(self._pack.name).name:
                stale.unlink()

    def close(self) -> None:
        """Close the pack."""
        if self._pack:
            self._pack.close()
            self._pack = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, path: Path, *, create: bool = False) -> None:
        self._pack = path.open("x+b" if create else "r+b")
        self._end = os.fstat(self._pack.fileno()).st_size

    def _compact(self, members: tuple[Member, ...]) -> tuple[Member, ...]:
        old = self._pack
        assert old is not None
        self._open(self._folder / f"pack-{os.urandom(8).hex()}", create=True)
        assert self._pack is not None
        moved = []
        for member in members:
            self._pack.write(os.pread(old.fileno(), member.length, member.offset))
            moved.append(msgspec.structs.replace(member, offset=self._end))
            self._end += member.length
        self._pack.flush()
        old.close()
        return tuple(moved)

    def _read_index(self) -> Remembered | None:
        try:
            content = self._index.read_bytes()
        except FileNotFoundError:
            return None
        body = content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
            return None
        try:
            last = msgspec.msgpack.decode(body, type=Remembered)
        except msgspec.ValidationError:
            return None
        return last if last.format == _FORMAT and Path(last.pack).name == last.pack else None

    def _write_index(self, last: Remembered) -> None:
        body = msgspec.msgpack.encode(last)
        aside = self._index.with_suffix(".new")
        aside.write_bytes(hashlib.sha256(body).digest() + body)
        aside.replace(self._index)


def cache_folder(store: StoreSettings) -> Path:
    """The folder for what belongs to one store; it may be deleted at any time."""
    key = hashlib.sha256(f"{store.url} {store.prefix}".encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("pillar9", appauthor=False)) / key
