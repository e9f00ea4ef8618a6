"""How near the bytes sent come to what must travel at the least: the changed pages, each deflated alone."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO

from tests.bench import data, table
from tests.bench.data import PAGE, Where
from tests.bench.part_requests import count, logging_service, settled
from tests.bench.table import Found, Table
from tests.bench.workbench import Sample, Workbench, copied, say

RUNS = 10
_REQUESTS_BAR = 2_500
# SQLite's counters of changes and its version, which the snapshot does not take from the source
# (https://sqlite.org/fileformat2.html, 1.3).
_COUNTERS = (slice(24, 28), slice(92, 100))


@dataclass(frozen=True)
class Change:
    """One kind of change in each run, and its bar from a run on: at most so many times the limit."""

    where: Where
    share: float
    label: str
    bar: float
    bar_from: int


@dataclass(frozen=True)
class Limited:
    """A run: how many pages had changed, how many bytes they are deflated, what was sent, in how many requests."""

    pages: int
    least_bytes: int
    sample: Sample
    requests: int

    @property
    def multiple(self) -> float:
        """The bytes sent as a multiple of the least."""
        return self.sample.sent / self.least_bytes


CHANGES = (
    Change("random", 0.001, "0.1 % of rows at random", 25, 1),
    Change("random", 0.01, "1 % of rows at random", 25, 1),
    Change("same", 0.01, "the same 1 % of rows, scattered", 6, 3),
)


def measure(bench: Workbench) -> Found:
    """One series for each kind of change, in an Azurite that logs its requests."""
    rows = [row for change in CHANGES for row in _rows(change, _series(bench, change))]
    note = (
        "The least that must travel is every changed page deflated alone (zlib, level 6); whoever sends pages needs "
        "another program than `gunzip` to read them. Sent is `uploaded_bytes` of `backup --json`, requests are counted "
        "in Azurite's log."
    )
    head = ("run", "pages", "the least", "sent", "multiple", "bar", "of the archive", "requests", "bar", "archive")
    return Found((Table("Bytes sent against the least that must travel", note, head, tuple(rows)),))


def least(before: Path, after: Path) -> tuple[int, int]:
    """How many pages differ in two databases at rest, and their bytes, each deflated alone."""
    with before.open("rb") as old, after.open("rb") as new:
        former = chain(_pages(old), repeat(b""))
        changed = [page for page, was in zip(_pages(new), former, strict=False) if page != was]
    return len(changed), sum(len(zlib.compress(page, 6)) for page in changed)


def _series(bench: Workbench, change: Change) -> list[Limited]:
    say(f"limit: {change.label}")
    log, folder = bench.folder / "limit.log", bench.folder / "limit"
    found = []
    try:
        with logging_service(folder, log) as url, bench.place(url, "limit") as place:
            bench.backup(place)
            before = bench.folder / "before.db"
            for run in range(1, RUNS + 1):
                copied(place.live, before)
                data.change(place.live, change.where, change.share, seed=bench.seed + run)
                pages, least_bytes = least(before, place.live)
                begin = settled(log)
                sample = bench.backup(place)
                found.append(Limited(pages, least_bytes, sample, _requests(log, begin)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for left in (log, bench.folder / "before.db"):
            left.unlink(missing_ok=True)
    return found


def _requests(log: Path, begin: int) -> int:
    end = settled(log)
    with log.open("rb") as file:
        file.seek(begin)
        return count(file.read(end - begin).decode(errors="replace").splitlines()).requests


def _rows(change: Change, runs: list[Limited]) -> Iterator[tuple[str, ...]]:
    for number, run in enumerate(runs, start=1):
        yield (
            f"{change.label}, run {number}",
            f"{run.pages:,}",
            table.size(run.least_bytes),
            table.size(run.sample.sent),
            table.times(run.multiple),
            table.at_most(run.multiple, change.bar) if number >= change.bar_from else "",
            table.share(run.sample.sent / run.sample.gzip_bytes),
            f"{run.requests:,}",
            table.at_most(run.requests, _REQUESTS_BAR, ""),
            table.size(run.sample.gzip_bytes),
        )


def _pages(file: BinaryIO) -> Iterator[bytes]:
    first = bytearray(file.read(PAGE))
    for counter in _COUNTERS:
        first[counter] = bytes(counter.stop - counter.start)
    yield bytes(first)
    while page := file.read(PAGE):
        yield page
