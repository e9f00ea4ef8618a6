"""`invoke drill.local` against the former drill, of the same database after some incremental backups."""

from __future__ import annotations

import json
from statistics import median

from local.errors import PillarError
from tests.bench import data, former, table
from tests.bench.table import Found, Speedup, Table
from tests.bench.workbench import Place, Workbench, invoke, new_container, say

BAR = 4
# The first one finds no memory that the system holds ready for a gigabyte of file, and takes up to a second more.
DRILLS = 3
_CHANGES = 3


def measure(bench: Workbench) -> Found:
    """Both drills in turn; the archive is one of many blocks, as it is in use."""
    say("drill: backups to drill")
    with bench.service() as service, bench.place(service.url, "ours") as place:
        bench.backup(place)
        for run in range(1, _CHANGES + 1):
            data.change(place.live, "random", 0.001, seed=bench.seed + run)
            bench.backup(place)
        former_url = new_container(service.url, "former")
        former.back_up(bench, place.live, former_url)
        before, ours = [], []
        drills = max(DRILLS, bench.rounds)
        for number in range(1, drills + 1):
            say(f"drill: {number} of {drills}")
            before.append(former.drill(bench, former_url))
            ours.append(drill_local(bench, place))
    steps = [step.name for step in before[0].steps]
    took = {name: median(one.steps[index].seconds for one in before) for index, name in enumerate(steps)}
    old, new = median(one.seconds for one in before), median(seconds for seconds, _ in ours)
    note = (
        f"Alternating, {drills} of each, of an archive after a first backup and "
        f"{_CHANGES} incremental ones. "
        f"The former drill: {former.DRILL_COMMANDS}; its steps: "
        + ", ".join(f"{name} {table.seconds(value)}" for name, value in took.items())
        + ". The steps of drill.local, as it reports them (they overlap): "
        + ", ".join(f"{name} {table.seconds(median(one[name] for _, one in ours))}" for name in ours[0][1])
        + "."
    )
    rows = (
        ("former drill", table.seconds(old), "1 x", ""),
        ("drill.local", table.seconds(new), table.times(old / new), table.at_least(old / new, BAR)),
    )
    found = Table("The drill", note, ("run", "median", "former / ours", table.BAR_AT_1GB), rows)
    return Found((found,), (Speedup("drill.local", old / new, BAR),))


def drill_local(bench: Workbench, place: Place) -> tuple[float, dict[str, float]]:
    """The seconds of a drill that passed, and those of its steps."""
    done = bench.run(invoke(place, "drill.local", "--json"))
    (database,) = json.loads(done.output)["databases"]
    if database["verdict"] != "passed":
        raise PillarError("bench: invoke drill.local", f"it did not pass: {database}")
    return done.seconds, {step["name"]: step["seconds"] for step in database["steps"]}
