"""`invoke backup` against the former pipeline: first, unchanged, scattered and recent changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from tests.bench import data, former, table
from tests.bench.data import Where
from tests.bench.former import Former
from tests.bench.table import Found, Speedup, Table
from tests.bench.workbench import Sample, Workbench, say, seconds_of


@dataclass(frozen=True)
class Runs:
    """Successive backups, `count` of them, each after a change of one kind and with the same arguments."""

    where: Where
    share: float
    count: int
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """Such backups and the bars they are held to; the steady state begins with run `steady_from` (from 1).

    The bar for the bytes sent, as a share of the archive, is for every run.
    """

    runs: Runs
    steady_from: int
    label: str
    first_bar: float | None = None
    steady_bar: float | None = None
    sent_bar: float | None = None


FIRST_BAR = 7
SERIES = (
    Series(Runs("random", 0, 3), 1, "nothing changed", steady_bar=100, sent_bar=0.001),
    Series(Runs("random", 0, 2, ("--full",)), 1, "nothing changed, --full", sent_bar=0.001),
    Series(Runs("random", 0.001, 8), 6, "0.1 % of rows at random", 10, 16, 0.055),
    Series(Runs("random", 0.01, 8), 6, "1 % of rows at random"),
    Series(Runs("recent", 0.01, 4), 2, "1 % recent rows", sent_bar=0.10),
)


@dataclass(frozen=True)
class Round:
    """One round: the former pipeline, then each series: its own first backup and its runs."""

    former: Former
    series: tuple[tuple[Sample, ...], ...]


@dataclass(frozen=True)
class Line:
    """A kind of run in all rounds, and the bars that it is held to."""

    label: str
    samples: tuple[Sample, ...]
    speed_bar: float | None = None
    sent_bar: float | None = None


def sent_columns(line: Line) -> tuple[str, str, str]:
    """The medians of bytes sent and of their share of the archive, and whether every run met the bar."""
    parts = [sample.sent / sample.gzip_bytes for sample in line.samples]
    bar = table.at_most(max(parts), line.sent_bar, "%") if line.sent_bar else ""
    return table.size(median(sample.sent for sample in line.samples)), table.share(median(parts)), bar


def measure(bench: Workbench) -> Found:
    """`rounds` rounds of the former pipeline and all series, in turn."""
    rounds = [_round(bench, number) for number in range(1, bench.rounds + 1)]
    before = median(one.former.seconds for one in rounds)
    lines = _lines(rounds)
    speedups = [Speedup(line.label, before / seconds_of(line.samples), line.speed_bar) for line in lines]
    return Found((_speed_table(lines, rounds), _former_table(rounds), _archive_table(rounds)), tuple(speedups))


@cache
def run_series(bench: Workbench, runs: Runs, number: int) -> tuple[Sample, ...]:
    """A first backup and the runs, each after a new change, in a fresh Azurite; measured once for each round."""
    changed = f"{runs.share * 100:g} % of rows, {runs.where}" if runs.share else "nothing changed"
    say(f"series: round {number} of {bench.rounds}: {' '.join((changed, *runs.arguments))}")
    with bench.service() as service, bench.place(service.url, "series") as place:
        samples = [bench.backup(place)]
        for run in range(1, runs.count + 1):
            if runs.share:
                data.change(place.live, runs.where, runs.share, seed=bench.seed + run)
            samples.append(bench.backup(place, *runs.arguments))
    return tuple(samples)


def _round(bench: Workbench, number: int) -> Round:
    say(f"backup: round {number} of {bench.rounds}: the former pipeline")
    with bench.service() as service, bench.place(service.url, "former") as place:
        before = former.back_up(bench, place.live, place.url)
    return Round(before, tuple(run_series(bench, series.runs, number) for series in SERIES))


def _lines(rounds: Sequence[Round]) -> list[Line]:
    lines = [Line("first backup", tuple(samples[0] for one in rounds for samples in one.series), FIRST_BAR)]
    for index, series in enumerate(SERIES):
        runs = [one.series[index] for one in rounds]
        label, steady_from = series.label, series.steady_from
        if steady_from > 1:
            lines.append(Line(f"{label}, run 1", _between(runs, 1, 1), series.first_bar, series.sent_bar))
            if steady_from > 2:
                between = _between(runs, 2, steady_from - 1)
                lines.append(Line(f"{label}, runs 2 to {steady_from - 1}", between, None, series.sent_bar))
            label += f", from run {steady_from} on"
        steady = _between(runs, steady_from, series.runs.count)
        lines.append(Line(label, steady, series.steady_bar, series.sent_bar))
    return lines


def _between(runs: Sequence[tuple[Sample, ...]], first: int, last: int) -> tuple[Sample, ...]:
    """From each round the runs with these numbers; 0 is the first backup."""
    return tuple(sample for samples in runs for sample in samples[first : last + 1])


def _speed_table(lines: Sequence[Line], rounds: Sequence[Round]) -> Table:
    before = median(one.former.seconds for one in rounds)
    spread = table.spread([one.former.seconds for one in rounds])
    rows = [
        ("former pipeline", table.seconds(before), spread, "1 x", "", table.size(_former_bytes(rounds)), "100 %", "")
    ]
    for line in lines:
        took = [sample.seconds for sample in line.samples]
        ratio = before / median(took)
        rows.append(
            (
                line.label,
                table.seconds(median(took)),
                table.spread(took),
                table.times(ratio),
                table.at_least(ratio, line.speed_bar) if line.speed_bar else "",
                *sent_columns(line),
            )
        )
    note = (
        "Whole processes, start-up included, to Azurite over loopback; each line the median. "
        f"{table.counted(len(rounds), 'round')}, in each the former pipeline once and then every series with a new "
        "database, container and cache; so the former pipeline is not measured anew for every line. A series is that "
        "many successive backups of one day, each after a new change: UPDATE of one unindexed text column, about one "
        "page a row. Bytes sent are `uploaded_bytes` of `backup --json`; their bar is for the most that any run of the "
        f"line sent. {_unread(rounds)} The former pipeline: {former.BACKUP_COMMANDS}."
    )
    head = ("run", "median", "spread", "former / ours", table.BAR_AT_1GB, "sent", "of the archive", "bar")
    return Table("Against the former pipeline", note, head, tuple(rows))


def _unread(rounds: Sequence[Round]) -> str:
    """How many of the runs after which nothing had changed did without reading the database."""
    unread = [not sample.read for one in rounds for sample in one.series[0][1:]]
    return f"With nothing changed, {sum(unread)} of {len(unread)} runs did not read the database; `--full` always does."


def _former_table(rounds: Sequence[Round]) -> Table:
    names = [step.name for step in rounds[0].former.steps]
    took = [median(one.former.steps[index].seconds for one in rounds) for index in range(len(names))]
    rows = tuple((name, table.seconds(value)) for name, value in zip(names, took, strict=True))
    return Table("Where the former pipeline's time goes", "Medians of the same rounds.", ("step", "median"), rows)


def _archive_table(rounds: Sequence[Round]) -> Table:
    before, raw = _former_bytes(rounds), rounds[0].series[0][0].database_bytes
    found = [("`gzip -6`", before, ""), _archive_line("first backup", [one.series[0][0] for one in rounds], before)]
    for index, series in enumerate(SERIES):
        if series.runs.share:
            last = [one.series[index][-1] for one in rounds]
            found.append(_archive_line(f"after {series.runs.count} runs, {series.label}", last, before))
    rows = tuple(
        (label, table.size(size), f"{raw / size:.3f}", f"{size / before:.3f} x", bar) for label, size, bar in found
    )
    note = "The archive of the whole database, each a plain .gz; after many changes its members are smaller."
    return Table("Archive size", note, ("archive", "size", "ratio", "against gzip -6", "bar"), rows)


def _archive_line(label: str, samples: Sequence[Sample], before: float) -> tuple[str, float, str]:
    size = median(sample.gzip_bytes for sample in samples)
    return label, size, table.at_most(size / before, 1.1)


def _former_bytes(rounds: Sequence[Round]) -> float:
    return median(one.former.gzip_bytes for one in rounds)
