"""A snapshot as an archive in the store: what is known is not compressed again, what the store holds is not sent again."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from local import chunks, member
from local.cache import Cache
from local.chunks import Chunk
from local.member import Block
from local.store import Upload

# Long reads: between two of them a thread waits for its turn among those that compress.
_READ = 8 * 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Where the snapshot is cut; `digests` has None for a chunk not read yet, `changed_bytes` is raw."""

    chunks: tuple[Chunk, ...]
    digests: tuple[bytes | None, ...]
    changed_bytes: int
    size: int

    @property
    def unchanged(self) -> bool:
        """Whether every chunk is the one that is remembered."""
        return self.changed_bytes == 0


@dataclass(frozen=True)
class Archive:
    """A whole archive: its digest, its size and what of it the store did not hold (bytes), the digest of the database in
    it, and its chunks' digests in order.
    """

    sha256: str
    gzip_bytes: int
    added_bytes: int
    raw_sha256: str
    digests: tuple[bytes, ...]


@dataclass(frozen=True)
class Made:
    """A chunk's digest and its block; `fresh` if it was compressed now, else it was remembered."""

    digest: bytes
    block: Block
    fresh: bool


def plan(snapshot: Path, cache: Cache, held: Sequence[str], pool: Executor) -> Plan:
    """Cut the snapshot as the remembered archive was cut, else as the store's blocks say; find the chunks that changed."""
    size = snapshot.stat().st_size
    lengths = _lengths(cache, held)
    cut = chunks.fit(lengths, size)
    if cache.last is None:
        return Plan(tuple(cut), (None,) * len(cut), size, size)
    with snapshot.open("rb") as file:
        groups = pool.map(lambda group: _digests_of(file.fileno(), group), chunks.grouped(cut))
        digests = [digest for group in groups for digest in group]
    changed = {index for index, digest in enumerate(digests) if cache.member(digest) is None}
    changed_bytes = sum(cut[index][1] for index in changed)
    # Only a chunk that was there before has changed; what was appended is cut large, like a first backup.
    before = {index for index in changed if index < len(lengths) and cut[index][1] == lengths[index]}
    finer = chunks.cut_changed(cut, before)
    known = dict(zip(cut, digests, strict=True))
    return Plan(tuple(finer), tuple(known.get(chunk) for chunk in finer), changed_bytes, size)


def build(
    snapshot: Path, work: Plan, cache: Cache, upload: Upload, pool: Executor, advance: Callable[[int], None]
) -> Archive:
    """Send the archive block by block, in order; `advance` hears of every raw byte done. Nothing is visible before a commit.

    At most a few groups of chunks are in memory at once, whatever the database's size.
    """
    held = frozenset(upload.held)
    known = dict(zip(work.chunks, work.digests, strict=True))
    digest, size, added = hashlib.sha256(), 0, 0
    digests: list[bytes] = []
    with snapshot.open("rb") as file:
        raw_digest = pool.submit(_digest_of, file.fileno(), work.size)
        groups = (
            pool.submit(_blocks_of, file.fileno(), [(chunk, known[chunk]) for chunk in group], cache)
            for group in chunks.grouped(work.chunks)
        )
        for group in _in_order(groups, ahead=_window()):
            digest.update(b"".join(made.block.data for made in group))
            for made in group:
                size += len(made.block.data)
                digests.append(made.digest)
                if made.fresh:
                    cache.add(made.digest, made.block)
                if made.block.id in held:
                    upload.keep(made.block.id)
                else:
                    upload.put(made.block.id, made.block.data)
                    added += len(made.block.data)
            advance(sum(made.block.raw_bytes for made in group))
        return Archive(digest.hexdigest(), size, added, raw_digest.result(), tuple(digests))


def _lengths(cache: Cache, held: Iterable[str]) -> list[int]:
    if cache.last:
        return [one.raw_bytes for one in cache.last.members]
    lengths = [member.raw_bytes_of(block_id) for block_id in held]
    # A list with a foreign block among ours tells nothing of where the database was cut.
    return [length for length in lengths if length] if all(lengths) else []


def _digests_of(descriptor: int, group: Sequence[Chunk]) -> list[bytes]:
    start = group[0][0]
    data = memoryview(_read(descriptor, (start, sum(length for _, length in group))))
    return [hashlib.sha256(data[offset - start : offset - start + length]).digest() for offset, length in group]


def _blocks_of(descriptor: int, group: Sequence[tuple[Chunk, bytes | None]], cache: Cache) -> list[Made]:
    return [_block_of(descriptor, chunk, digest, cache) for chunk, digest in group]


def _block_of(descriptor: int, chunk: Chunk, digest: bytes | None, cache: Cache) -> Made:
    raw = b""
    if digest is None:
        raw = _read(descriptor, chunk)
        digest = hashlib.sha256(raw).digest()
    remembered = cache.member(digest)
    block = cache.block(remembered) if remembered else None
    if block:
        return Made(digest, block, fresh=False)
    return Made(digest, member.compress(raw or _read(descriptor, chunk)), fresh=True)


def _in_order(jobs: Iterator[Future[T]], ahead: int) -> Iterator[T]:
    waiting: deque[Future[T]] = deque()
    try:
        for job in jobs:
            waiting.append(job)
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for job in waiting:
            job.cancel()


def _window() -> int:
    return 2 * (os.cpu_count() or 1)


def _read(descriptor: int, chunk: Chunk) -> bytes:
    offset, length = chunk
    data = os.pread(descriptor, length, offset)
    if len(data) != length:
        raise OSError(f"the snapshot ended at byte {offset + len(data)}")
    return data


def _digest_of(descriptor: int, size: int) -> str:
    digest = hashlib.sha256()
    for chunk in chunks.pieces((0, size), _READ):
        digest.update(_read(descriptor, chunk))
    return digest.hexdigest()
