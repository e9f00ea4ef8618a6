"""A blob over many runs, by the steps that the product takes: its list of blocks, without a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from local.store import azure_blocks
from local.store.azure_blocks import BlockAssembler, Keep, Splice, Stage, Step, base_blocks

_LENGTHS = ("BLOCK_BYTES", "SPLICE_FROM_BYTES", "SMALL_BLOCK_BYTES", "SMALL_BLOCK_BYTES_IN_NEED", "LONGEST_PART_BYTES")


@dataclass
class History:
    """A blob whose archive changes from run to run; only sizes matter, so all its bytes are zeros."""

    size: int = 0
    runs: int = 0
    blocks: list[tuple[str, int]] = field(default_factory=list)
    requests: int = 0
    sent: int = 0
    spliced: int = 0

    def run(self, changed_places: Sequence[int], changed_bytes: int, growth: int) -> None:
        """So many bytes from each of some places on are replaced, and more follow at the end."""
        base = base_blocks(self.blocks)
        assembler = BlockAssembler(base)
        steps: list[Step] = []
        at = 0
        for place in sorted(changed_places):
            if at <= place <= self.size - changed_bytes:
                steps += assembler.reuse(at, bytes(place - at)) + assembler.send(bytes(changed_bytes))
                at = place + changed_bytes
        steps += assembler.reuse(at, bytes(self.size - at))
        for _ in range(0, growth, changed_bytes):
            steps += assembler.send(bytes(changed_bytes))
        steps += assembler.finish()
        self._carry_out(steps, {block.id: block.size for block in base})

    def _carry_out(self, steps: Sequence[Step], sizes: dict[str | None, int]) -> None:
        self.requests = sum(not isinstance(step, Keep) for step in steps)
        self.sent = sum(len(step.data) for step in steps if isinstance(step, Stage))
        self.spliced = sum(len(step.data) for step in steps if isinstance(step, Splice))
        self.runs += 1
        self.blocks = [
            (step.id, sizes[step.id]) if isinstance(step, Keep) else (f"{self.runs} {number}", len(step.data))
            for number, step in enumerate(steps)
        ]
        self.size = sum(size for _, size in self.blocks)


def in_small(monkeypatch: pytest.MonkeyPatch, scale: int) -> None:
    """Every length divided by `scale`, so that no gigabytes pass through the memory."""
    for name in _LENGTHS:
        monkeypatch.setattr(azure_blocks, name, getattr(azure_blocks, name) // scale)
