"""What a concurrent writer feels of a backup: its commits' latency with and without one running."""

from __future__ import annotations

import subprocess
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

from local.errors import PillarError
from tests.bench import data, table
from tests.bench.table import Found, Table
from tests.bench.workbench import Place, Workbench, copied, say

RATE = 500
BAR = 2
PROGRAM = Path(__file__).with_name("commits.py")


@dataclass(frozen=True)
class Latency:
    """Of the commits in a span of time, in seconds; `busy` are those refused with SQLITE_BUSY."""

    commits: int
    busy: int
    p50: float
    p99: float
    worst: float


@dataclass(frozen=True)
class Span:
    """A stretch of the monotonic clock and what happened in it."""

    label: str
    begin: float
    end: float


def measure(bench: Workbench) -> Found:
    """One writer throughout; a backup, as long without one, and again."""
    spans: list[Span] = []
    live, out = copied(bench.pristine, bench.folder / "written.db"), bench.folder / "commits"
    with bench.service() as service, _writing(live, out):
        for number in range(1, bench.rounds + 1):
            say(f"writer: round {number} of {bench.rounds}")
            with bench.place(service.url, f"writer-{number}", live) as place:
                spans += _spans(bench, place, "first backup")
                data.change(
                    live, "random", 0.001, seed=bench.seed + number
                )  # outside the spans: it locks the writer out
                spans += _spans(bench, place, "0.1 % of rows changed")
    commits = _read(out)
    out.unlink()
    live.unlink()
    rows = []
    for label in dict.fromkeys(span.label for span in spans):
        found = [latency(commits, span.begin, span.end) for span in spans if span.label == label]
        rows.append((label, found))
    return Found((_table(rows, bench.rounds),))


def latency(commits: Sequence[tuple[float, float]], begin: float, end: float) -> Latency:
    """The nearest-rank percentiles of the commits, given as (end, seconds or -1), that ended in the span."""
    within = [seconds for at, seconds in commits if begin <= at <= end]
    took = sorted(seconds for seconds in within if seconds >= 0)
    if not took:
        raise PillarError("bench: a concurrent writer", "it made no commit in a whole span")
    return Latency(
        len(took), len(within) - len(took), took[ceil(0.50 * len(took)) - 1], took[ceil(0.99 * len(took)) - 1], took[-1]
    )


def _spans(bench: Workbench, place: Place, label: str) -> list[Span]:
    """A backup, and as long without one."""
    sample = bench.backup(place)
    during = Span(f"during: {label}", sample.begin, sample.begin + sample.seconds)
    time.sleep(1)  # what the backup left to write is not the quiet span's
    begin = time.monotonic()
    time.sleep(max(3.0, sample.seconds))
    return [during, Span(f"without: {label}", begin, time.monotonic())]


def _table(rows: Sequence[tuple[str, Sequence[Latency]]], rounds: int) -> Table:
    medians = {label: median(one.p99 for one in found) for label, found in rows}
    lines = []
    for label, found in rows:
        quiet = medians[label.replace("during", "without")]
        ratio = medians[label] / quiet
        busy = sum(one.busy for one in found)
        lines.append(
            (
                label,
                f"{sum(one.commits for one in found):,}",
                f"{busy}: {'met' if busy == 0 else 'MISSED'}",
                table.milliseconds(median(one.p50 for one in found)),
                table.milliseconds(medians[label]),
                table.milliseconds(max(one.worst for one in found)),
                table.times(ratio) if label.startswith("during") else "1 x",
                table.at_most(ratio, BAR) if label.startswith("during") else "",
            )
        )
    note = (
        "One writer process in WAL mode "
        f"(synchronous=NORMAL, no busy timeout) at {RATE} commits a second, "
        f"through {table.counted(rounds, 'round')} of a backup and as long without one; "
        "p50 and p99 are the medians of the rounds, max is the worst of all."
    )
    head = ("span", "commits", "busy (bar: 0)", "p50", "p99", "max", "p99 ratio", "bar")
    return Table("A concurrent writer's commits", note, head, tuple(lines))


@contextmanager
def _writing(live: Path, out: Path) -> Iterator[None]:
    """The writer, whose measurements are in `out` when the context has ended."""
    command = [sys.executable, str(PROGRAM), str(live), str(RATE), str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            if process.stdout.readline() != "ready\n":
                raise PillarError("bench: a concurrent writer", "it did not start")
            yield
        finally:
            process.stdin.close()
    if process.returncode:
        raise PillarError("bench: a concurrent writer", f"it ended with {process.returncode}")


def _read(out: Path) -> list[tuple[float, float]]:
    values = array("d")
    values.frombytes(out.read_bytes())
    return list(zip(values[::2], values[1::2], strict=True))
