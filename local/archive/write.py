"""A snapshot as an archive in the store: nothing known is compressed again, nothing held is sent again."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from local.archive import chunks
from local.archive import gzip_member as member
from local.archive.cache import Cache, Member
from local.archive.chunks import Chunk
from local.archive.gzip_member import Block
from local.store.interface import Upload

# Long reads: between two of them a thread waits for its turn among those that compress.
_READ_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class CutPlan:
    """Where `snapshot` is cut; `digests` has None for a chunk not read yet, `changed_bytes` is raw."""

    snapshot: Path
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
    """A whole archive: its digest, its size and what of it the store did not hold (bytes), the digest of the database
    in it, and its chunks' digests in order.
    """

    sha256: str
    gzip_bytes: int
    added_bytes: int
    raw_sha256: str
    digests: tuple[bytes, ...]


@dataclass(frozen=True)
class BuiltMember:
    """A chunk's digest and its block; `fresh` if it was compressed now, else it was remembered."""

    digest: bytes
    block: Block
    fresh: bool


def plan(snapshot: Path, cache: Cache, held: Sequence[str], pool: Executor) -> CutPlan:
    """Cut the snapshot as the remembered archive was, else as the store's blocks say; find the chunks that changed."""
    size = snapshot.stat().st_size
    lengths = _lengths(cache, held)
    cut = chunks.fit(lengths, size)
    if cache.last is None:
        return CutPlan(snapshot, tuple(cut), (None,) * len(cut), size, size)
    with snapshot.open("rb") as file:
        groups = pool.map(lambda group: _digests_of(file.fileno(), group), chunks.grouped(cut))
        digests = [digest for group in groups for digest in group]
    changed = {index for index, digest in enumerate(digests) if cache.member(digest) is None}
    changed_bytes = sum(cut[index][1] for index in changed)
    # Only a chunk that was there before has changed; what was appended is cut large, like a first backup.
    before = {index for index in changed if index < len(lengths) and cut[index][1] == lengths[index]}
    finer = chunks.cut_changed(cut, before)
    known = dict(zip(cut, digests, strict=True))
    return CutPlan(snapshot, tuple(finer), tuple(known.get(chunk) for chunk in finer), changed_bytes, size)


def build(work: CutPlan, cache: Cache, upload: Upload, pool: Executor, advance: Callable[[int], None]) -> Archive:
    """Send the archive block by block, in order, and commit nothing; `advance` hears of the raw bytes done.

    At most a few groups of chunks are in memory at once, whatever the database's size.
    """
    held = frozenset(upload.held)
    digest, size, added, done = hashlib.sha256(), 0, 0, 0
    digests: list[bytes] = []
    with work.snapshot.open("rb") as file:
        raw_digest = pool.submit(_digest_of, file.fileno(), work.size)
        for made in _in_order(_made(file.fileno(), work, cache, pool)):
            block = made.block
            digest.update(block.data)
            size += len(block.data)
            digests.append(made.digest)
            if made.fresh:
                cache.add(made.digest, block)
            if block.id in held:
                upload.keep(block.id)
            else:
                upload.put(block.id, block.data)
                added += len(block.data)
            done += block.raw_bytes
            if done >= chunks.LARGE:
                advance(done)
                done = 0
        advance(done)
        return Archive(digest.hexdigest(), size, added, raw_digest.result(), tuple(digests))


def _made(descriptor: int, work: CutPlan, cache: Cache, pool: Executor) -> Iterator[list[Callable[[], BuiltMember]]]:
    """For each group of chunks, how to get its blocks: compression is under way, the rest is read when asked.

    Thousands of short reads in many threads would only wait for the interpreter's lock, so one thread does them.
    """
    known = dict(zip(work.chunks, work.digests, strict=True))
    for group in chunks.grouped(work.chunks):
        makers: list[Callable[[], BuiltMember]] = []
        for chunk in group:
            digest = known[chunk]
            remembered = cache.member(digest) if digest else None
            if remembered:
                makers.append(partial(_remembered, descriptor, chunk, remembered, cache))
            else:
                makers.append(pool.submit(_compress, descriptor, chunk).result)
        yield makers


def _lengths(cache: Cache, held: Iterable[str]) -> list[int]:
    if cache.last:
        return [remembered.raw_bytes for remembered in cache.last.members]
    lengths = [member.raw_bytes_of(block_id) for block_id in held]
    # A list with a foreign block among ours tells nothing of where the database was cut.
    return [length for length in lengths if length] if all(lengths) else []


def _digests_of(descriptor: int, group: Sequence[Chunk]) -> list[bytes]:
    start = group[0][0]
    data = memoryview(_read(descriptor, (start, sum(length for _, length in group))))
    return [hashlib.sha256(data[offset - start : offset - start + length]).digest() for offset, length in group]


def _remembered(descriptor: int, chunk: Chunk, remembered: Member, cache: Cache) -> BuiltMember:
    block = cache.block(remembered)
    return BuiltMember(remembered.digest, block, fresh=False) if block else _compress(descriptor, chunk)


def _compress(descriptor: int, chunk: Chunk) -> BuiltMember:
    raw = _read(descriptor, chunk)
    return BuiltMember(hashlib.sha256(raw).digest(), member.compress(raw), fresh=True)


def _in_order(groups: Iterator[list[Callable[[], BuiltMember]]]) -> Iterator[BuiltMember]:
    """The blocks of all groups, with the work on a few groups ahead already begun."""
    waiting = deque(islice(groups, 2 * (os.cpu_count() or 1)))
    while waiting:
        for make in waiting.popleft():
            yield make()
        waiting.extend(islice(groups, 1))


def _read(descriptor: int, chunk: Chunk) -> bytes:
    offset, length = chunk
    data = os.pread(descriptor, length, offset)
    if len(data) != length:
        raise OSError(f"the snapshot ended at byte {offset + len(data)}")
    return data


def _digest_of(descriptor: int, size: int) -> str:
    digest = hashlib.sha256()
    for chunk in chunks.pieces((0, size), _READ_BYTES):
        digest.update(_read(descriptor, chunk))
    return digest.hexdigest()
