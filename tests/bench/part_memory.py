"""Peak anonymous memory of `invoke backup`, at the size asked for and at four times that."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import data, table
from tests.bench.table import Found, Table
from tests.bench.workbench import CHECKOUT, Place, Workbench, copied, invoke, say

TIMES = 4
BAR = 300_000_000
PROGRAM = CHECKOUT / "tests/bench/peak.py"


@dataclass(frozen=True)
class Peak:
    """Of one process, in bytes."""

    anonymous: int
    resident: int


def measure(bench: Workbench) -> Found:
    """First backup and 0.1 % changed, `rounds` times for each of the two sizes."""
    small = copied(bench.pristine, bench.folder / "small.db")
    large = bench.folder / "large.db"
    say(f"memory: a database of {table.size(TIMES * bench.size)}")
    data.generate(large, TIMES * bench.size, bench.seed)
    peaks: dict[tuple[Path, str], list[Peak]] = {}
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
        (at_small, whole), (at_large, whole_large) = (_medians(peaks[live, label]) for live in (small, large))
        columns = (*_columns(at_small, whole), *_columns(at_large, whole_large))
        rows.append((label, *columns, table.times(at_large / at_small)))
    small.unlink()
    large.unlink()
    note = (
        "Of the whole `invoke backup` process, which has no child processes. Anonymous memory is what it keeps for "
        "itself (`RssAnon` in /proc, looked at a hundred times a second); resident is the kernel's high-water mark "
        "(`ru_maxrss`), which also counts pages of files that the kernel may drop at any time. Where there is no "
        f"/proc, both are resident. Medians of {table.counted(bench.rounds, 'run')}."
    )
    per_size = (heading for size in sizes.values() for heading in (f"anonymous at {size}", "bar", "resident"))
    head = ("run", *per_size, "growth")
    return Found((Table("Peak memory", note, head, tuple(rows)),))


def _peak(bench: Workbench, place: Place) -> Peak:
    done = bench.run([sys.executable, str(PROGRAM), "--anonymous", *invoke(place, "backup", "--json")])
    anonymous, resident = done.output.split()
    return Peak(int(anonymous), int(resident))


def _medians(peaks: list[Peak]) -> tuple[float, float]:
    return median(peak.anonymous for peak in peaks), median(peak.resident for peak in peaks)


def _columns(anonymous: float, resident: float) -> tuple[str, str, str]:
    bar = f"<= {table.size(BAR)}: {'met' if anonymous <= BAR else 'MISSED'}"
    return table.size(anonymous), bar, table.size(resident)
