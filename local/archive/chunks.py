"""Where a file is cut: small chunks at fixed offsets, so that a page that changes changes one of them.

The former cut is kept as far as it reaches, or every chunk behind it would be another one; what was appended since is
cut anew. Larger files get larger chunks: a table of members then stays a small part of its archive.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALL_BYTES = 96 * 1024
GROUP_BYTES = 4 * 1024 * 1024
# A file of this size has 43,690 chunks; each doubling of it from here on adds half as many.
_LARGE_FROM_BYTES = 4 * 1024**3

Chunk = tuple[int, int]


def cut(former: Sequence[int], size: int) -> list[Chunk]:
    """(offset, length) of each chunk of a file of `size` bytes, of which the former cut had the lengths `former`.

    A file that grew is cut anew from its former last chunk on, since that one ended only because the file did.
    """
    if sum(former) < size:
        former = former[:-1]
    chunks: list[Chunk] = []
    offset = 0
    for length in former:
        if offset >= size:
            return chunks
        chunks.append((offset, min(length, size - offset)))
        offset += length
    return chunks + pieces((offset, size - offset), chunk_length(size))


def pieces(chunk: Chunk, length: int) -> list[Chunk]:
    """The chunk cut into pieces of `length` bytes, the last one shorter."""
    offset, size = chunk
    return [(start, min(length, offset + size - start)) for start in range(offset, offset + size, length)]


def grouped(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """The chunks in runs of at most GROUP_BYTES (or one chunk), so that thousands of them are a few hundred jobs."""
    groups: list[list[Chunk]] = []
    room = 0
    for chunk in chunks:
        if not groups or chunk[1] > room:
            groups.append([])
            room = GROUP_BYTES
        groups[-1].append(chunk)
        room -= chunk[1]
    return groups


def chunk_length(size: int) -> int:
    """The length of a new chunk in a file of `size` bytes: 96 KiB, doubled for each doubling of it from 4 GiB on."""
    length = SMALL_BYTES
    while size > _LARGE_FROM_BYTES:
        size //= 2
        length *= 2
    return length
