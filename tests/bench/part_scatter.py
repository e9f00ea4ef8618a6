"""How the share of bytes sent grows with the number of scattered changed pages."""

from __future__ import annotations

from statistics import median

from tests.bench import table
from tests.bench.part_backup import Runs, run_series
from tests.bench.table import Found, Spread, Table
from tests.bench.workbench import Sample, Workbench, seconds_of

RUNS = 8
STEADY_FROM = 6
SHARES = (0.0001, 0.001, 0.01, 0.05)


def measure(bench: Workbench) -> Found:
    """One series for each share of rows, also those of part_backup's first round: bytes do not vary by the round."""
    rows, spreads = [], []
    for share in SHARES:
        first, *runs = run_series(bench, Runs("random", share, RUNS), 1)
        steady = runs[STEADY_FROM - 1 :]
        sent = median(_part(sample) for sample in steady)
        spreads.append(Spread(share, sent))
        rows.append(
            (
                f"{share * 100:g} %",
                *(table.share(_part(sample)) for sample in runs),
                table.size(median(sample.sent for sample in steady)),
                table.seconds(seconds_of(steady)),
                f"{runs[-1].gzip_bytes / first.gzip_bytes:.3f} x",
            )
        )
    note = (
        "Scattered pages are the hard case: every changed page drags the rest of its chunk along. Successive backups, "
        f"each after a new change of that share of rows; steady: the median of runs {STEADY_FROM} to {RUNS}. The last "
        "column is the archive's size after all runs against the first one's."
    )
    head = ("rows changed", *(f"run {run}" for run in range(1, RUNS + 1)), "sent, steady", "seconds, steady", "archive")
    return Found((Table("Bytes sent as changes scatter", note, head, tuple(rows)),), spreads=tuple(spreads))


def _part(sample: Sample) -> float:
    return sample.sent / sample.gzip_bytes
