"""`invoke --list` against a bare one."""

from __future__ import annotations

import sys
from statistics import median

from tests.bench import table
from tests.bench.table import Found, Table
from tests.bench.workbench import Workbench, say

RUNS = 15
BAR = 1.5
_BARE = "from invoke import task\n\n\n@task\ndef nothing(context):\n    pass\n"


def measure(bench: Workbench) -> Found:
    """Both in turn; a first run of each, which fills the caches, is not counted."""
    say("list: invoke --list")
    runs = max(RUNS, bench.rounds)
    folder = bench.folder / "bare"
    folder.mkdir()
    (folder / "tasks.py").write_text(_BARE)
    command = [sys.executable, "-m", "invoke", "--list"]
    bare, ours = [], []
    for _ in range(runs + 1):
        bare.append(bench.run(command, cwd=folder).seconds)
        ours.append(bench.run(command).seconds)
    old, new = median(bare[1:]), median(ours[1:])
    rows = (
        ("a tasks file with one empty task", table.milliseconds(old), "1 x", ""),
        ("this checkout", table.milliseconds(new), table.times(new / old), table.at_most(new / old, BAR)),
    )
    note = f"Medians of {runs} alternating runs."
    return Found((Table("`invoke --list`", note, ("tasks", "median", "ratio", "bar"), rows),))
