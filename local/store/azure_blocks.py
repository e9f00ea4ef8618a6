"""Which blocks an archive is put together from: those that the blob has, parts of them, and new ones. Nothing is sent.

Put Block List names whole blocks. Of a block that is only partly wanted the service itself makes another one (Put Block
From URL with a range of the same blob), so only what the blob does not hold travels. After many changes a blob has many
small blocks: then those in a row are wanted as one, and are joined the same way.
"""

from __future__ import annotations

import base64
import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

BLOCK_BYTES = 4 * 1024 * 1024
# A smaller part costs less to send again than a request.
SPLICE_FROM_BYTES = 48 * 1024
# A block list is joined again when it is longer than this, and than so many times the number of full blocks, or when it
# comes near Azure's limit of 50,000 (https://learn.microsoft.com/rest/api/storageservices/put-block-list).
JOIN_FROM_BLOCKS = 2_500
JOIN_FROM_SHARE = 4
JOIN_ALWAYS_FROM_BLOCKS = 30_000
# A list that would grow longer than this within one run gets large blocks only, sent again where they must be.
CROWDED_FROM_BLOCKS = 40_000
# Azure wants all block ids of a blob to have one length.
BLOCK_ID_BYTES = 48
_OURS = re.compile(f"[0-9a-f]{{{BLOCK_ID_BYTES}}}")


@dataclass(frozen=True)
class BaseBlock:
    """A block of the blob, or several in a row that are to become one (`id` is None); bytes."""

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
    return hashlib.sha256(data).hexdigest()[:BLOCK_ID_BYTES]


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
    """The blob's blocks with their places, from (id, bytes) in order; joined where there are too many, cut where one is
    larger than fits into memory many times.
    """
    full = sum(size for _, size in listed) // BLOCK_BYTES
    join = len(listed) > min(max(JOIN_FROM_BLOCKS, JOIN_FROM_SHARE * full), JOIN_ALWAYS_FROM_BLOCKS)
    blocks: list[BaseBlock] = []
    offset = 0
    for name, size in listed:
        last = blocks[-1] if blocks else None
        if join and last and last.size + size <= BLOCK_BYTES:
            blocks[-1] = BaseBlock(None, last.offset, last.size + size)
        elif size <= 2 * BLOCK_BYTES:
            blocks.append(BaseBlock(name, offset, size))
        else:
            blocks += [
                BaseBlock(None, at, min(BLOCK_BYTES, offset + size - at))
                for at in range(offset, offset + size, BLOCK_BYTES)
            ]
        offset += size
    return blocks


class BlockAssembler:
    """Takes an archive's bytes in order, new ones and those that stand in the blob, and tells the steps to make it."""

    def __init__(self, blocks: Sequence[BaseBlock]) -> None:
        self._blocks = blocks
        self._starts = [block.offset for block in blocks]
        self._end = blocks[-1].offset + blocks[-1].size if blocks else 0
        self._new: list[bytes] = []
        self._new_bytes = 0
        self._run: list[bytes] = []
        self._run_offset = 0
        self._run_end = 0
        self._made_blocks = 0
        self._made_bytes = 0

    def send(self, data: bytes) -> list[Step]:
        """The next bytes, which the blob does not hold."""
        steps = self._close_run()
        return steps + self._add_new(data)

    def reuse(self, offset: int, data: bytes) -> list[Step]:
        """The next bytes, which stand at `offset` of the blob."""
        if not self._blocks or offset + len(data) > self._end:
            return self.send(data)
        steps: list[Step] = []
        if not self._run or offset != self._run_end:
            steps += self._close_run()
            self._run_offset = self._run_end = offset
        rest = memoryview(data)
        while rest:
            block = self._blocks[bisect_right(self._starts, self._run_end) - 1]
            part = rest[: block.offset + block.size - self._run_end]
            self._run.append(bytes(part))
            self._run_end += len(part)
            rest = rest[len(part) :]
            if self._run_end == block.offset + block.size:
                steps += self._close_run()
                self._run_offset = self._run_end
        return steps

    def finish(self) -> list[Step]:
        """What is left when the last byte was told."""
        return self._close_run() + self._flush_new()

    def _close_run(self) -> list[Step]:
        """The bytes of one block that stand in a row: the whole block, a part of it, or too few for a request."""
        if not self._run:
            return []
        data = b"".join(self._run)
        self._run = []
        block = self._blocks[bisect_right(self._starts, self._run_offset) - 1]
        name = block.id if len(data) == block.size else None
        if self._is_crowded(len(data)) or (name is None and len(data) < SPLICE_FROM_BYTES):
            return self._add_new(data)
        step = Splice(self._run_offset, data) if name is None else Keep(name)
        return [*self._flush_new(), self._made(step, len(data))]

    def _is_crowded(self, size: int) -> bool:
        """Whether the list would grow too long if a block of so many bytes stood in it by itself."""
        large = BLOCK_BYTES * 3 // 4
        if self._made_blocks + max(0, self._end - self._made_bytes) // large < CROWDED_FROM_BLOCKS:
            return False
        return size < large or bool(self._new)

    def _add_new(self, data: bytes) -> list[Step]:
        self._new.append(data)
        self._new_bytes += len(data)
        return self._flush_new() if self._new_bytes >= BLOCK_BYTES else []

    def _flush_new(self) -> list[Step]:
        if not self._new:
            return []
        data = b"".join(self._new)
        self._new, self._new_bytes = [], 0
        return [self._made(Stage(data), len(data))]

    def _made(self, step: Step, size: int) -> Step:
        self._made_blocks += 1
        self._made_bytes += size
        return step
