"""A file as an archive in the store: what is known is neither compressed nor sent again."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from local.archive import chunks, heat
from local.archive.chunks import Chunk
from local.archive.former import FormerArchive, read_members
from local.archive.gzip_member import Member, digest_of
from local.archive.heat import Heat, Spot
from local.archive.sink import ArchiveSink

# Long reads: between two of them a thread waits for its turn among those that compress.
_READ_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class CutPlan:
    """Where `file` is cut, and which of the former archive's members (by index) holds each chunk; `size` in bytes."""

    file: Path
    size: int
    chunks: tuple[Chunk, ...]
    held_by: tuple[int | None, ...]
    former: FormerArchive

    @property
    def unchanged(self) -> bool:
        """Whether it is the file in the former archive: the same chunks, in the same order, and no others."""
        return len(self.former.members) == len(self.chunks) and all(
            index == place for place, index in enumerate(self.held_by)
        )

    @property
    def changed_bytes(self) -> int:
        """Raw bytes in chunks that the former archive does not hold at their place."""
        return sum(
            length
            for place, ((_, length), index) in enumerate(zip(self.chunks, self.held_by, strict=True))
            if index != place
        )


@dataclass(frozen=True)
class Written:
    """The members that were written, and the SHA-256 of the file in them."""

    members: tuple[Member, ...]
    raw_sha256: str


@dataclass(frozen=True)
class _Piece:
    """Members in a row; `offset` is where their bytes stand in the former archive, None where they do not."""

    data: bytes
    members: tuple[Member, ...]
    offset: int | None


def plan(file: Path, former: FormerArchive, pool: Executor) -> CutPlan:
    """Cut the file as the former archive was, and find the chunks that it holds."""
    size = file.stat().st_size
    cut = chunks.cut([member.raw_bytes for member in former.members], size)
    if not former.members:
        return CutPlan(file, size, tuple(cut), (None,) * len(cut), former)
    with file.open("rb") as opened:
        groups = pool.map(lambda group: _digests(opened.fileno(), group), chunks.grouped(cut))
        digests = [digest for group in groups for digest in group]
    held_by = [
        former.find(place, length, digest) for place, ((_, length), digest) in enumerate(zip(cut, digests, strict=True))
    ]
    return CutPlan(file, size, tuple(cut), tuple(held_by), former)


def write(work: CutPlan, sink: ArchiveSink, pool: Executor, advance: Callable[[int], None]) -> Written:
    """Put every member into the sink, in order; `advance` hears of the raw bytes done and may stop it by raising.

    At most a few groups of chunks are in memory at once, whatever the file's size.
    """
    members: list[Member] = []
    with ExitStack() as files:
        file = files.enter_context(work.file.open("rb")).fileno()
        former = files.enter_context(work.former.path.open("rb")).fileno() if work.former.path else None
        raw_sha256 = pool.submit(_sha256, file, work.size)
        jobs = (pool.submit(_pieces, work, group, file, former) for group in _groups(work))
        for pieces in _in_order(jobs):
            for piece in pieces:
                if piece.offset is None:
                    sink.send(piece.data)
                else:
                    sink.reuse(piece.offset, piece.data)
                members.extend(piece.members)
            advance(sum(member.raw_bytes for piece in pieces for member in piece.members))
        return Written(tuple(members), raw_sha256.result())


def _groups(work: CutPlan) -> Iterator[list[Spot]]:
    known = Heat(work.former.members, work.size)
    place = 0
    for group in chunks.grouped(work.chunks):
        spots = [known.spot(at, chunk, work.held_by[at]) for at, chunk in enumerate(group, place)]
        yield known.joined(spots)
        place += len(group)


def _pieces(work: CutPlan, group: Sequence[Spot], file: int, former: int | None) -> list[_Piece]:
    """The group's members: those that stand in a row in the former archive are read from it at once."""
    pieces: list[_Piece] = []
    for run in _runs(group):
        held = [spot.held_by for spot in run if spot.held_by is not None]
        data = read_members(former, work.former, held) if held and former is not None else None
        if data is not None:
            changes = (spot.changes for spot in run)
            known = tuple(map(heat.carried, (work.former.members[index] for index in held), changes))
            pieces.append(_Piece(data, known, work.former.offsets[held[0]]))
        else:
            pieces += [_compressed(work, spot, file) for spot in run]
    return pieces


def _runs(group: Sequence[Spot]) -> Iterator[list[Spot]]:
    """The group in runs whose former members follow each other; chunks that the former archive lacks are alone."""
    run: list[Spot] = []
    for spot in group:
        if run and (spot.held_by is None or run[-1].held_by is None or spot.held_by != run[-1].held_by + 1):
            yield run
            run = []
        run.append(spot)
    if run:
        yield run


def _compressed(work: CutPlan, spot: Spot, file: int) -> _Piece:
    """The chunk compressed anew; where that gives the former member's very bytes, it stands there already."""
    data, members = heat.pack(spot, _read(file, spot.chunk))
    return _Piece(data, members, None if spot.held_by is None else work.former.offset_of(spot.held_by, members[0]))


def _digests(file: int, group: Sequence[Chunk]) -> list[bytes]:
    start = group[0][0]
    data = memoryview(_read(file, (start, sum(length for _, length in group))))
    return [digest_of(data[offset - start : offset - start + length]) for offset, length in group]


def _in_order(jobs: Iterator[Future[list[_Piece]]]) -> Iterator[list[_Piece]]:
    """The results of all jobs in order, with a few jobs ahead under way."""
    waiting = deque(islice(jobs, 2 * (os.cpu_count() or 1)))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(islice(jobs, 1))


def _read(file: int, chunk: Chunk) -> bytes:
    offset, length = chunk
    data = os.pread(file, length, offset)
    if len(data) != length:
        raise OSError(f"the snapshot ended at byte {offset + len(data)}")
    return data


def _sha256(file: int, size: int) -> str:
    digest = hashlib.sha256()
    for chunk in chunks.pieces((0, size), _READ_BYTES):
        digest.update(_read(file, chunk))
    return digest.hexdigest()
