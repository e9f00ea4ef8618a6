"""restic and this pipeline on the same database in the same run: first, unchanged, scattered changes, and back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import data, restic, table
from tests.bench.part_drill import DRILLS, drill_local
from tests.bench.restic import Restic
from tests.bench.table import Found, Table
from tests.bench.workbench import Workbench, copied, say

RUNS = 8
SENT_BAR = 0.5
TITLE = "restic"
HEAD = ("run", "restic", "ours", "restic / ours", table.BAR_AT_1GB, "restic adds", "ours sends", "ours / restic", "bar")
FIRST, NOTHING, BACK = "first backup", "nothing changed", "restore, drill.local"
FOLDER = "first backup, ours to a folder too"


@dataclass(frozen=True)
class Pair:
    """The same run of both: seconds, and the bytes that restic's repository grew by and that ours sent."""

    label: str
    restic_seconds: float
    seconds: float
    restic_adds: int = 0
    sent: int = 0


def measure(bench: Workbench) -> Found:
    """restic into a local repository, `invoke backup` to Azurite, in turn."""
    program = restic.installed()
    if program is None:
        return Found((Table(TITLE, "restic is not installed here, so nothing was measured.", HEAD, ()),))
    theirs = Restic(bench, program, str(bench.folder / "restic"))
    found: dict[str, list[Pair]] = {}
    for number in range(1, bench.rounds + 1):
        say(f"restic: round {number} of {bench.rounds}")
        for pair in _round(bench, theirs, number):
            found.setdefault(pair.label, []).append(pair)
    note = (
        f"{theirs.version}, default settings, of a database at rest (it takes no snapshot of a live one), into a "
        "repository in a local folder, so without a network; `invoke backup` to Azurite over loopback. restic's bytes "
        "are those that the folder grew by. The line of restores is restic's restore, which checks nothing that was "
        f"not stored by restic, against a whole drill: checksum, integrity and rows; {DRILLS} of each in turn. A "
        "restore needs restic. The last line is ours into a folder as well, so without Azurite on the same cores."
    )
    return Found((Table(TITLE, note, HEAD, tuple(map(_row, found.values()))),))


def _round(bench: Workbench, theirs: Restic, number: int) -> Iterator[Pair]:
    repository, target = Path(theirs.repository), bench.folder / "restored"
    with bench.service() as service, bench.place(service.url, "restic") as place:
        copy = copied(place.live, bench.folder / "restic.db")
        theirs.init()

        def pair(label: str) -> Pair:
            before = restic.stored(repository)
            done = theirs.backup([copy])
            ours = bench.backup(place)
            return Pair(label, done.seconds, ours.seconds, restic.stored(repository) - before, ours.sent)

        first = pair(FIRST)
        yield first
        yield pair(NOTHING)
        for run in range(1, RUNS + 1):
            data.change(place.live, "random", 0.001, seed=bench.seed + number * RUNS + run)
            copied(place.live, copy)
            yield pair(f"0.1 % of rows at random, run {run}")
        for _ in range(DRILLS):
            yield Pair(BACK, theirs.restore(target).seconds, drill_local(bench, place)[0])
            shutil.rmtree(target)
    shutil.rmtree(repository)
    copy.unlink()
    store = bench.folder / "store"
    store.mkdir()
    with bench.place_at(store.as_uri(), "folder") as place:
        ours = bench.backup(place)
        yield Pair(FOLDER, first.restic_seconds, ours.seconds, first.restic_adds, ours.sent)
    shutil.rmtree(store)


def _row(pairs: list[Pair]) -> tuple[str, ...]:
    label = pairs[0].label
    took, own = median(pair.restic_seconds for pair in pairs), median(pair.seconds for pair in pairs)
    speed = (table.seconds(took), table.seconds(own), table.times(took / own))
    bar = table.at_least(took / own, 1) if label in (FIRST, NOTHING, BACK) else ""
    if label == BACK:
        return label, *speed, bar, "", "", "", ""
    adds, sent = median(pair.restic_adds for pair in pairs), median(pair.sent for pair in pairs)
    most = max(pair.sent / pair.restic_adds for pair in pairs)
    held = label not in (FIRST, NOTHING, FOLDER)
    bytes_bar = table.at_most(most, SENT_BAR) if held else ""
    return label, *speed, bar, table.size(adds), table.size(sent), f"{sent / adds:.3f} x", bytes_bar
