"""Where a file is cut: small chunks at fixed offsets, so that a page that changes changes one of them.

The former cut is kept as far as it reaches, or every chunk behind it would be another one; what was appended since is
cut anew. Larger files get larger chunks: a table of members then stays a small part of its archive. What is cut finer
and joined again between two archives, `local.archive.heat` decides.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALL_BYTES = 96 * 1024
# Every cut but the file's end lies at a multiple of this.
FINE_BYTES = 16 * 1024
# As many chunks of any length as fit, so that the pieces of a chunk are in one group.
GROUP_BYTES = 32 * SMALL_BYTES
# No chunk is longer, whatever a former table says: a few of them are in memory at once.
LONGEST_BYTES = 64 * 1024 * 1024
# A file of this size has 43,690 chunks; each doubling of it from here on adds half as many.
LARGE_FROM_BYTES = 4 * 1024**3

Chunk = tuple[int, int]


def cut(former: Sequence[int], size: int) -> list[Chunk]:
    """(offset, length) of each chunk of a file of `size` bytes, of which the former cut had the lengths `former`.

    A file that grew is cut anew from its former last chunk on, since that one ended only because the file did; and so
    is any file from the first length on that no cut of ours has.
    """
    if sum(former) < size:
        former = former[:-1]
    chunks: list[Chunk] = []
    offset = 0
    for length in former:
        if offset >= size:
            return chunks
        is_last = offset + length >= size
        if not 0 < length <= LONGEST_BYTES or (length % FINE_BYTES and not is_last):
            break
        chunks.append((offset, min(length, size - offset)))
        offset += length
    return chunks + _cut_anew(offset, size)


def pieces(chunk: Chunk, length: int) -> list[Chunk]:
    """The chunk cut into pieces of `length` bytes, the last one shorter."""
    offset, size = chunk
    return [(start, min(length, offset + size - start)) for start in range(offset, offset + size, length)]


def grouped(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """The chunks by the GROUP_BYTES in which they begin, so that thousands of them are a few hundred jobs."""
    groups: list[list[Chunk]] = []
    last = -1
    for chunk in chunks:
        if chunk[0] // GROUP_BYTES != last:
            groups.append([])
            last = chunk[0] // GROUP_BYTES
        groups[-1].append(chunk)
    return groups


def chunk_length(size: int) -> int:
    """The length of a new chunk in a file of `size` bytes: 96 KiB, doubled for each doubling of it from 4 GiB on."""
    length = SMALL_BYTES
    while size > LARGE_FROM_BYTES:
        size //= 2
        length *= 2
    return min(length, LONGEST_BYTES)


def _cut_anew(offset: int, size: int) -> list[Chunk]:
    """From `offset` to the end: up to the next multiple of a chunk's length, and from there in chunks."""
    length = chunk_length(size)
    start = min(size, -(-offset // length) * length)
    head = [(offset, start - offset)] if start > offset else []
    return head + pieces((start, size - start), length)
