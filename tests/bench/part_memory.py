"""Peak memory of `invoke backup`, at the size asked for and at four times that."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from tests.bench import data, table
from tests.bench.table import Found, Table
from tests.bench.workbench import CHECKOUT, Place, Workbench, copied, invoke, say

TIMES = 4
BAR = 300_000_000
GROWTH_BAR = 1.2
PROGRAM = CHECKOUT / "tests/bench/peak.py"


def measure(bench: Workbench) -> Found:
    """First backup and 0.1 % changed, `rounds` times for each of the two sizes."""
    small = copied(bench.pristine, bench.folder / "small.db")
    large = bench.folder / "large.db"
    say(f"memory: a database of {table.size(TIMES * bench.size)}")
    data.generate(large, TIMES * bench.size, bench.seed)
    peaks: dict[tuple[Path, str], list[int]] = {}
    for number in range(1, bench.rounds + 1):
        for live in (small, large):
            say(f"memory: round {number} of {bench.rounds}, {table.size(live.stat().st_size)}")
            with bench.service() as service, bench.place(service.url, "memory", live) as place:
                peaks.setdefault((live, "first backup"), []).append(_peak(bench, place))
                data.change(live, "random", 0.001, seed=bench.seed + number)
                peaks.setdefault((live, "0.1 % of rows at random"), []).append(_peak(bench, place))
    sizes = {live: table.size(live.stat().st_size) for live in (small, large)}
    rows = []
    for label in ("first backup", "0.1 % of rows at random"):
        at_small, at_large = (median(peaks[live, label]) for live in (small, large))
        bars = (_bar(at_small), table.times(at_large / at_small), table.at_most(at_large / at_small, GROWTH_BAR))
        rows.append((label, table.size(at_small), bars[0], table.size(at_large), *bars[1:]))
    small.unlink()
    large.unlink()
    note = (
        "The kernel's high-water mark of resident memory (`ru_maxrss` of the children of a small parent) of the whole "
        f"`invoke backup` process, which has no child processes; medians of {bench.rounds} runs."
    )
    head = ("run", f"at {sizes[small]}", "bar", f"at {sizes[large]}", "growth", "bar")
    return Found((Table("Peak memory", note, head, tuple(rows)),))


def _peak(bench: Workbench, place: Place) -> int:
    done = bench.run([sys.executable, str(PROGRAM), *invoke(place, "backup", "--json")])
    return int(done.output)


def _bar(peak: float) -> str:
    return f"<= {table.size(BAR)}: {'met' if peak <= BAR else 'MISSED'}"
