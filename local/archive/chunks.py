"""Where a database is cut: large chunks where nothing moves, small ones where it changes.

A first backup should need few requests, and a later one should send little around each changed page. So chunks start
large, and one that changes is cut into small ones. Cutting costs a request a piece, so a run cuts only as many as
roughly triples the number of chunks; what the budget does not reach is sent whole and cut another time.
docs/incremental.md has the simulation behind the numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate

LARGE = 4 * 1024 * 1024
SMALL = 96 * 1024
# Azure takes 50,000 blocks a blob; the rest is room for a database that grows before it is cut anew.
_MOST_CHUNKS = 40_000
_CUTS_A_RUN = 600
_GROWTH_A_RUN = 2

Chunk = tuple[int, int]


def fit(lengths: Sequence[int], size: int) -> list[Chunk]:
    """(offset, length) of each chunk: the former lengths as far as they reach into a database of `size` bytes.

    A database that grew is cut anew from its former last chunk on, since that one ended only because the file did.
    """
    if sum(lengths) < size:
        lengths = lengths[:-1]
    chunks: list[Chunk] = []
    offset = 0
    for length in lengths:
        length = min(length, size - offset)
        if length <= 0:
            return chunks
        chunks.append((offset, length))
        offset += length
    return chunks + pieces((offset, size - offset), LARGE)


def pieces(chunk: Chunk, length: int) -> list[Chunk]:
    """The chunk cut into pieces of `length` bytes, the last one shorter."""
    offset, size = chunk
    return [(start, min(length, offset + size - start)) for start in range(offset, offset + size, length)]


def cut_changed(chunks: Sequence[Chunk], changed: Collection[int]) -> list[Chunk]:
    """The chunks, those at the `changed` indexes cut small as far as the run's budget goes, the largest first."""
    small = small_length(sum(length for _, length in chunks))
    budget = max(_CUTS_A_RUN, _GROWTH_A_RUN * len(chunks))
    order = sorted(changed, key=lambda index: -chunks[index][1])
    costs = accumulate(len(pieces(chunks[index], small)) for index in order)
    chosen = {index for index, cost in zip(order, costs, strict=True) if cost <= budget}
    return [
        piece for index, chunk in enumerate(chunks) for piece in (pieces(chunk, small) if index in chosen else [chunk])
    ]


def grouped(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """The chunks in runs of at most LARGE bytes (or one chunk), so that thousands of them are a few hundred jobs."""
    groups: list[list[Chunk]] = []
    room = 0
    for chunk in chunks:
        if not groups or chunk[1] > room:
            groups.append([])
            room = LARGE
        groups[-1].append(chunk)
        room -= chunk[1]
    return groups


def small_length(size: int) -> int:
    """The length of a small chunk: 96 KiB, or more where a database of `size` bytes would have too many."""
    return SMALL * max(1, -(-size // (SMALL * _MOST_CHUNKS)))
