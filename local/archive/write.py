"""A file as an archive in the store: what is known is neither compressed nor sent again."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

from local.archive import chunks, heat
from local.archive.former import opened, read_members
from local.archive.gzip_member import Member
from local.archive.heat import Spot
from local.archive.plan import CutPlan, Packed, in_runs
from local.archive.reading import read_chunk
from local.archive.sink import ArchiveSink


@dataclass(frozen=True)
class Written:
    """The members that were written, and the SHA-256 of the file in them."""

    members: tuple[Member, ...]
    raw_sha256: str


@dataclass(frozen=True)
class _Piece:
    """Members in a row; `offset` is where their bytes stand in the former archive, None where they do not.

    `is_read` tells whether they were read from it.
    """

    data: bytes
    members: tuple[Member, ...]
    offset: int | None
    is_read: bool = False


def write(work: CutPlan, sink: ArchiveSink, pool: Executor, advance: Callable[[int], None]) -> Written:
    """Put every member into the sink, in order; `advance` hears of the raw bytes done and may stop it by raising.

    At most a few groups of chunks are in memory at once, whatever the file's size.
    """
    members: list[Member] = []
    with ExitStack() as files:
        file = files.enter_context(work.file.open("rb")).fileno()
        former = files.enter_context(opened(work.former))
        raw_sha256 = pool.submit(work.digest.finish, file, work.size)
        jobs = (pool.submit(_pieces, work, group, file, former) for group in _groups(work))
        for pieces in _in_order(jobs):
            for piece in pieces:
                if piece.offset is None:
                    sink.send(piece.data)
                else:
                    sink.reuse(piece.offset, piece.data, is_read=piece.is_read)
                members.extend(piece.members)
            advance(sum(member.raw_bytes for piece in pieces for member in piece.members))
        return Written(tuple(members), raw_sha256.result())


def _groups(work: CutPlan) -> Iterator[list[Spot]]:
    place = 0
    for group in chunks.grouped(work.chunks):
        spots = [work.cutting.spot(at, work.held_by[at]) for at in range(place, place + len(group))]
        yield work.cutting.joined(spots)
        place += len(group)


def _pieces(work: CutPlan, group: Sequence[Spot], file: int, former: int | None) -> list[_Piece]:
    """The group's members: those that stand in a row in the former archive are read from it at once."""
    pieces: list[_Piece] = []
    for run in in_runs(group):
        held = [spot.held_by for spot in run if spot.held_by is not None]
        data = read_members(former, work.former, held) if held and former is not None else None
        if data is not None:
            changes = (spot.changes for spot in run)
            known = tuple(map(heat.carried, (work.former.members[index] for index in held), changes))
            pieces.append(_Piece(data, known, work.former.offsets[held[0]], is_read=True))
        else:
            pieces += [_compressed(work, spot, file) for spot in run]
    return pieces


def _compressed(work: CutPlan, spot: Spot, file: int) -> _Piece:
    """The spot compressed, if it is not yet; where that gives the former member's very bytes, it stands there."""
    packed = work.packed.pop(spot, None) or Packed(*heat.pack(spot, read_chunk(file, spot.chunk)))
    offset = None if spot.held_by is None else work.former.offset_of(spot.held_by, packed.members[0])
    return _Piece(packed.data, packed.members, offset)


def _in_order(jobs: Iterator[Future[list[_Piece]]]) -> Iterator[list[_Piece]]:
    """The results of all jobs in order, with a few jobs ahead under way."""
    waiting = deque(islice(jobs, 2 * (os.cpu_count() or 1)))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(islice(jobs, 1))
