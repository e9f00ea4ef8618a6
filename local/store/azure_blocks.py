"""Which blocks an archive is put together from: those that the blob has, parts of them, and new ones. Nothing is sent.

Put Block List names whole blocks. Of a block that is only partly wanted the service itself makes another one (Put Block
From URL with a range of the same blob), so only what the blob does not hold travels. Where a blob has many small
blocks, those that stay between two changes are made one in the same way; around what changes in each run the cuts stay,
and such a run asks for nothing but the new blocks themselves.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from blake3 import blake3

# Of a block that changes somewhere the service copies the rest: at 4 MiB a first run of 0.1 % of rows at random took
# 6.1 s, at 2 MiB 5.6, and later ones 4.8 and 4.2; at 1 MiB a first backup took 0.5 s more (*measured*, 1 GB, Azurite).
BLOCK_BYTES = 2 * 1024 * 1024
# A smaller part costs less to send again than a request.
SPLICE_FROM_BYTES = 8 * 1024
# About how many requests one run may make; more where the blob has more MiB, to what a list of blocks can hold if each
# is for a change and what follows it. Where more places changed, the shortest parts between them are sent along.
REQUESTS = 2_400
_REQUESTS_MAX = 15_000
# So many of them are free, wherever in the blob they fall; then they are spread over the rest of it.
_FREE_REQUESTS = 200
_PARTS_LENGTHEN_EVERY = 16
LONGEST_PART_BYTES = 1024 * 1024
# In a longer list than this, and than so many times the number of full blocks, small blocks in a row are made one.
JOIN_FROM_BLOCKS = 8_000
JOIN_FROM_SHARE = 16
# Near Azure's limit of 50,000 (https://learn.microsoft.com/rest/api/storageservices/put-block-list) they always are.
JOIN_ALWAYS_FROM_BLOCKS = 30_000
# A part is made one block with whole blocks beside it that are smaller than this. The smaller they may stay, the more
# often a change takes a whole block's place and nothing is cut, and the longer is the list that each run reads and
# writes, some 90 bytes a block. A gigabyte of which 0.1 % changes at random comes with 256 KiB to 1,900 blocks and 335
# cuts that copy 80 MB in each run, with 96 KiB to 4,500 and 250 that copy 28 MB, with 64 KiB to 6,200 and 170.
SMALL_BLOCK_BYTES = 96 * 1024
# Where a run makes too many requests: what is then too short to be kept by itself would be sent again.
SMALL_BLOCK_BYTES_IN_NEED = 256 * 1024
# A change that comes and goes leaves fewer: what is about to change again need not be cut out anew.
_JOIN_IN_A_ROW = 4
# A list that would grow longer than this within one run gets large blocks only, sent again where they must be.
CROWDED_FROM_BLOCKS = 40_000
# What is new comes in longer blocks from here on, so that 120 GiB fit into the list.
_LONGER_FROM_BLOCKS = 20_000
# Azure wants all block ids of a blob to have one length.
BLOCK_ID_BYTES = 48
_OURS = re.compile(f"[0-9a-f]{{{BLOCK_ID_BYTES}}}")


@dataclass(frozen=True)
class BaseBlock:
    """A block of the blob, or a part of one that is to become a block of its own (`id` is None); bytes."""

    id: str | None
    offset: int
    size: int


@dataclass(frozen=True)
class Stage:
    """A block of bytes that the blob does not hold."""

    data: bytes


@dataclass(frozen=True)
class Keep:
    """A block that the blob has."""

    id: str


@dataclass(frozen=True)
class Splice:
    """A block of bytes that the blob holds from `offset` on; `data` is what stands there."""

    offset: int
    data: bytes


Step = Stage | Keep | Splice


def block_id(data: bytes) -> str:
    """A block's name by its content."""
    return blake3(data).hexdigest(length=BLOCK_ID_BYTES // 2)


def id_bytes(block: str) -> int:
    """How many bytes a block's id has, which the SDK gives as text, or as its Base64 where it is none."""
    if _OURS.fullmatch(block):
        # Our digits would pass for Base64 of other bytes.
        return BLOCK_ID_BYTES
    try:
        raw = base64.b64decode(block, validate=True)
        raw.decode()
    except UnicodeDecodeError:
        return len(raw)
    except ValueError:
        pass
    return len(block.encode())


def is_ours(block: str) -> bool:
    """Whether a block's id has the length of ours: ids of two lengths can't stand in one list."""
    return id_bytes(block) == BLOCK_ID_BYTES


def base_blocks(listed: Sequence[tuple[str, int]]) -> list[BaseBlock]:
    """The blob's blocks with their places, from (id, bytes) in order; a huge one is cut to fit into memory."""
    blocks: list[BaseBlock] = []
    offset = 0
    for name, size in listed:
        if size <= 2 * BLOCK_BYTES:
            blocks.append(BaseBlock(name, offset, size))
        else:
            blocks += [
                BaseBlock(None, at, min(BLOCK_BYTES, offset + size - at))
                for at in range(offset, offset + size, BLOCK_BYTES)
            ]
        offset += size
    return blocks


@dataclass(frozen=True)
class _Kept:
    """Bytes of one block of the blob, all of it (then with its name) or a part."""

    id: str | None
    offset: int
    size: int
    # Joined only where they travel, as most of an archive does not.
    pieces: tuple[memoryview, ...]

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


def _joined(row: Sequence[_Kept]) -> list[_Kept]:
    pieces = tuple(piece for kept in row for piece in kept.pieces)
    return [_Kept(None, row[0].offset, sum(kept.size for kept in row), pieces)]


def _with_neighbours(row: Sequence[_Kept], small_bytes: int) -> list[_Kept]:
    """The row, in which small blocks beside each other are one: with a part among them they are one request anyway."""
    alike = groupby(row, key=lambda kept: kept.size < small_bytes)
    made = ((is_small, list(kept)) for is_small, kept in alike)
    return [
        one
        for is_small, kept in made
        for one in (_joined(kept) if is_small and any(each.id is None for each in kept) else kept)
    ]


class BlockAssembler:
    """Takes an archive's bytes in order, new ones and those that stand in the blob, and tells the steps to make it."""

    def __init__(self, blocks: Sequence[BaseBlock]) -> None:
        self._blocks = blocks
        self._starts = [block.offset for block in blocks]
        self._end = blocks[-1].offset + blocks[-1].size if blocks else 0
        long = max(JOIN_FROM_BLOCKS, JOIN_FROM_SHARE * self._end // BLOCK_BYTES)
        self._joins = len(blocks) > min(long, JOIN_ALWAYS_FROM_BLOCKS)
        self._new: list[bytes] = []
        self._new_bytes = 0
        self._row: list[_Kept] = []
        self._row_bytes = 0
        self._run: list[memoryview] = []
        self._run_offset = 0
        self._run_end = 0
        self._made_blocks = 0
        self._made_bytes = 0
        self._requests = 0

    def send(self, data: bytes) -> list[Step]:
        """The next bytes, which the blob does not hold."""
        return self._close_run() + self._close_row() + self._add_new(data)

    def reuse(self, offset: int, data: bytes) -> list[Step]:
        """The next bytes, which stand at `offset` of the blob."""
        if not self._blocks or offset + len(data) > self._end:
            return self.send(data)
        steps: list[Step] = []
        if offset != self._run_end:
            steps += self._close_run() + self._close_row()
        if not self._run:
            self._run_offset = self._run_end = offset
        rest = memoryview(data)
        while rest:
            block = self._blocks[bisect_right(self._starts, self._run_end) - 1]
            part = rest[: block.offset + block.size - self._run_end]
            self._run.append(part)
            self._run_end += len(part)
            rest = rest[len(part) :]
            if self._run_end == block.offset + block.size:
                steps += self._close_run()
        return steps

    def finish(self) -> list[Step]:
        """What is left when the last byte was told."""
        return self._close_run() + self._close_row() + self._flush_new()

    def _close_run(self) -> list[Step]:
        """The bytes of one block that stand in a row, the whole of it or a part, join the row of those before them."""
        if not self._run:
            return []
        pieces, size = tuple(self._run), self._run_end - self._run_offset
        self._run = []
        block = self._blocks[bisect_right(self._starts, self._run_offset) - 1]
        steps = self._close_row() if self._row_bytes + size > BLOCK_BYTES else []
        self._row.append(_Kept(block.id if size == block.size else None, self._run_offset, size, pieces))
        self._row_bytes += size
        self._run_offset = self._run_end
        return steps

    def _close_row(self) -> list[Step]:
        """What stands in a row between two changes: block for block, or fewer where that costs no more requests."""
        row, size = self._row, self._row_bytes
        self._row, self._row_bytes = [], 0
        shortest = self._shortest_part()
        if self._joins and len(row) >= _JOIN_IN_A_ROW and size >= shortest:
            row = _joined(row)
        elif any(kept.id is None for kept in row):
            in_need = shortest > SPLICE_FROM_BYTES
            row = _with_neighbours(row, SMALL_BLOCK_BYTES_IN_NEED if in_need else SMALL_BLOCK_BYTES)
        return [step for kept in row for step in self._keep(kept)]

    def _keep(self, kept: _Kept) -> list[Step]:
        """The whole block, a part of it, or too few bytes for a request."""
        size = kept.size
        shortest = self._shortest_part()
        if self._is_crowded(size) or (size < shortest and (kept.id is None or shortest > SPLICE_FROM_BYTES)):
            return self._add_new(kept.data)
        step = Splice(kept.offset, kept.data) if kept.id is None else Keep(kept.id)
        return [*self._flush_new(), self._made(step, size)]

    def _shortest_part(self) -> int:
        """Below how many bytes a part is sent again: more of them where many requests were made for this much of it."""
        most = min(max(REQUESTS, self._end // (1024 * 1024)), _REQUESTS_MAX)
        due = _FREE_REQUESTS + (most - _FREE_REQUESTS) * self._run_end // max(1, self._end)
        doublings = max(0, self._requests - due) / _PARTS_LENGTHEN_EVERY
        return min(LONGEST_PART_BYTES, int(SPLICE_FROM_BYTES * 2 ** min(doublings, 16)))

    def _is_crowded(self, size: int) -> bool:
        """Whether the list would grow too long if a block of so many bytes stood in it by itself."""
        large = BLOCK_BYTES * 3 // 4
        if self._made_blocks + max(0, self._end - self._made_bytes) // large < CROWDED_FROM_BLOCKS:
            return False
        return size < large or bool(self._new)

    def _add_new(self, data: bytes) -> list[Step]:
        self._new.append(data)
        self._new_bytes += len(data)
        full = BLOCK_BYTES if self._made_blocks < _LONGER_FROM_BLOCKS else BLOCK_BYTES * 3 // 2
        return self._flush_new() if self._new_bytes >= full else []

    def _flush_new(self) -> list[Step]:
        if not self._new:
            return []
        data = b"".join(self._new)
        self._new, self._new_bytes = [], 0
        return [self._made(Stage(data), len(data))]

    def _made(self, step: Step, size: int) -> Step:
        self._made_blocks += 1
        self._made_bytes += size
        self._requests += not isinstance(step, Keep)
        return step
