"""How long a blob's list of blocks is after a hundred runs: reckoned with the product's own choice of blocks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.archive.chunks import SMALL_BYTES
from tests.bench import data, table
from tests.bench.data import Where
from tests.bench.table import Found, Table
from tests.bench.workbench import Workbench, say
from tests.support.block_history import History, in_small

RUNS = 100
BAR = 10_000
REQUESTS_BAR = 2_500
# A member is a third of its chunk, as the bench's text deflates; a sixteenth of each length goes through the memory.
_RATIO = 3
_SCALE = 16
MEMBER_BYTES = SMALL_BYTES // _RATIO // _SCALE


@dataclass(frozen=True)
class Reckoned:
    """One run of a series: its number, the length of its list, its requests, and the bytes that the service copied."""

    run: int
    blocks: int
    requests: int
    spliced: int


CHANGES: tuple[tuple[str, Where, float], ...] = (
    ("0.01 % of rows at random", "random", 0.0001),
    ("0.1 % of rows at random", "random", 0.001),
    ("1 % of rows at random", "random", 0.01),
    ("1 % recent rows", "recent", 0.01),
)


def measure(bench: Workbench) -> Found:
    """A series for each kind of change; told are its first run, the tenth and the last, and its longest list."""
    rows = []
    for label, where, share in CHANGES:
        say(f"blocks: {label}, reckoned")
        runs = list(reckoned(bench.size, where, share, random.Random(bench.seed)))
        longest = max(run.blocks for run in runs)
        rows += [_row(label, run, longest) for run in (runs[0], runs[9], runs[-1])]
    note = (
        "Reckoned, not measured: the steps by which the product puts each archive together, without a service. A "
        f"member of {SMALL_BYTES // 1024} KiB is a third of that, and each changed row changes the page that it "
        "fills. The service makes what it copies of its own, by ranges of the blob (Put Block From URL)."
    )
    head = ("run", "blocks", f"most in {RUNS} runs", table.BAR_AT_1GB, "requests", table.BAR_AT_1GB, "copied there")
    return Found((Table("The list of blocks over a hundred runs", note, head, tuple(rows)),))


def reckoned(size: int, where: Where, share: float, source: random.Random) -> Iterator[Reckoned]:
    """The runs after a first backup of `size` bytes of database, in each of which that share of its pages changes."""
    pages = size // data.PAGE
    count = max(1, round(pages * share))
    with pytest.MonkeyPatch.context() as patched:
        in_small(patched, _SCALE)
        history = History()
        history.run([], MEMBER_BYTES, -(-size // SMALL_BYTES) * MEMBER_BYTES)
        for run in range(1, RUNS + 1):
            changed = range(pages - count, pages) if where == "recent" else source.sample(range(pages), count)
            members = {page * data.PAGE // SMALL_BYTES for page in changed}
            history.run([member * MEMBER_BYTES for member in members], MEMBER_BYTES, 0)
            yield Reckoned(run, len(history.blocks), history.requests, history.spliced * _SCALE)


def _row(label: str, run: Reckoned, longest: int) -> tuple[str, ...]:
    return (
        f"{label}, run {run.run}",
        f"{run.blocks:,}",
        f"{longest:,}",
        table.at_most(longest, BAR, ""),
        f"{run.requests:,}",
        table.at_most(run.requests, REQUESTS_BAR, ""),
        table.size(run.spliced),
    )
