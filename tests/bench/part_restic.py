"""restic's first and second backup of the same database, where restic is installed."""

from __future__ import annotations

import shutil
from statistics import median

from tests.bench import data, table
from tests.bench.table import Found, Table
from tests.bench.workbench import Sample, Workbench, copied, say, seconds_of

TITLE = "restic"
HEAD = ("run", "restic", "restic adds", "invoke backup", "sent", "restic / ours")


def measure(bench: Workbench) -> Found:
    """restic into a local repository, `invoke backup` to Azurite, in turn."""
    restic = shutil.which("restic")
    if restic is None:
        return Found((Table(TITLE, "restic is not installed here, so nothing was measured.", HEAD, ()),))
    theirs: tuple[list[tuple[float, int]], ...] = ([], [])
    ours: tuple[list[Sample], ...] = ([], [])
    for number in range(1, bench.rounds + 1):
        say(f"restic: round {number} of {bench.rounds}")
        repository = bench.folder / "restic"
        with bench.service() as service, bench.place(service.url, "restic") as place:
            common = _common(bench, restic)
            bench.run([*common, "init"])
            for index in range(2):
                if index:
                    data.change(place.live, "random", 0.001, seed=bench.seed + number)
                copy = copied(place.live, bench.folder / "restic.db")
                theirs[index].append(_restic(bench, [*common, "backup", str(copy)]))
                ours[index].append(bench.backup(place))
        shutil.rmtree(repository)
    rows = []
    for index, label in enumerate(("first backup", "0.1 % of rows at random, run 1")):
        took, adds = (median(values) for values in zip(*theirs[index], strict=True))
        sent = median(sample.sent for sample in ours[index])
        own = seconds_of(ours[index])
        rows.append(
            (
                label,
                table.seconds(took),
                table.size(adds),
                table.seconds(own),
                table.size(sent),
                table.times(took / own),
            )
        )
    version = bench.run([restic, "version"]).output.split(" compiled")[0]
    note = (
        f"{version}, default settings, of a database at rest (it takes no snapshot of a live one), into a repository "
        "in a local folder, so without a network; `invoke backup` to Azurite over loopback. A restore needs restic."
    )
    return Found((Table(TITLE, note, HEAD, tuple(rows)),))


def _common(bench: Workbench, restic: str) -> list[str]:
    password = bench.folder / "restic.password"
    password.write_text("bench\n")
    return [restic, "--repo", str(bench.folder / "restic"), "--password-file", str(password)]


def _restic(bench: Workbench, command: list[str]) -> tuple[float, int]:
    """Seconds, and the bytes that the repository grew by."""
    before = _stored(bench)
    done = bench.run(command)
    return done.seconds, _stored(bench) - before


def _stored(bench: Workbench) -> int:
    return sum(file.stat().st_size for file in (bench.folder / "restic").rglob("*") if file.is_file())
