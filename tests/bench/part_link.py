"""The deployment itself over the links that users have: four databases, six runs a day, each way of backing up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from local.errors import PillarError
from tests.bench import data, former, restic, table
from tests.bench.data import Where
from tests.bench.link import Usage, rest_server, shaped, whole
from tests.bench.restic import Restic
from tests.bench.table import Found, Table
from tests.bench.workbench import Place, Workbench, copied, invoke, new_container, say

ROUND_TRIP = 0.020
RUNS = 6
# What the deployment's four databases come to by gzip, and how much larger the bench's are than theirs.
GZIPPED = (4_500_000, 52_800_000, 180_000, 144_500_000)
RATIO = 3.17
HEAD = ("run", "by", "sent", "received", "requests", "time", "former / this")


@dataclass(frozen=True)
class Rate:
    """A link's speed each way, and the part of the real sizes that a day over it leaves time for."""

    label: str
    bits_per_second: float
    scale: float


@dataclass(frozen=True)
class Day:
    """What happens to every database before each of a day's runs; None: nothing."""

    label: str
    change: tuple[Where, float] | None


RATES = (Rate("50 Mbit/s", 50e6, 1.0), Rate("5 Mbit/s", 5e6, 0.05))
DAYS = (
    Day("a day, nothing changed", None),
    Day("a day, 1 % of rows at the end", ("recent", 0.01)),
    Day("a day, 0.1 % of rows scattered", ("random", 0.001)),
)


def measure(bench: Workbench) -> Found:
    """A first backup and a day of each kind over each link; one round, since the link sets the time."""
    return Found(tuple(_over(bench, rate) for rate in RATES))


def sizes(bench_size: int, scale: float) -> list[int]:
    """The bytes of the four databases: the real ones at 1 GB and more, fewer for a smaller bench or a slower link."""
    part = min(1.0, bench_size / 1e9) * scale
    return [int(gzipped * RATIO * part) for gzipped in GZIPPED]


def _over(bench: Workbench, rate: Rate) -> Table:
    folder = bench.folder / "link"
    folder.mkdir()
    wanted = sizes(bench.size, rate.scale)
    databases = [folder / f"{number}.db" for number in range(1, len(wanted) + 1)]
    for database, size in zip(databases, wanted, strict=True):
        data.generate(database, size, bench.seed)
    try:
        rows = [*_pipelines(bench, rate, databases), *_restic(bench, rate, databases)]
        held = ", ".join(table.size(database.stat().st_size) for database in databases)
    finally:
        for left in (folder, bench.folder / "cache"):
            shutil.rmtree(left, ignore_errors=True)
    return Table(f"Four databases over {rate.label}", _note(bench, rate, held), HEAD, tuple(_rows(rows)))


def _pipelines(bench: Workbench, rate: Rate, databases: Sequence[Path]) -> Iterator[tuple[str, str, Usage]]:
    with bench.service() as service, shaped(urlsplit(service.url).port or 0, rate.bits_per_second, ROUND_TRIP) as link:
        say(f"link: {rate.label}: the former pipeline")
        url = link.url(new_container(service.url, "former"))
        one = link.usage(lambda: sum(former.back_up(bench, database, url).seconds for database in databases))
        yield "first backup", "former pipeline", one
        yield "a day, whatever changed", "former pipeline", one.times(RUNS)
        place = _place(databases, link.url(new_container(service.url, "ours")))
        yield from _days(
            rate, "ours", databases, bench.seed, lambda moment: link.usage(lambda: _ours(bench, place, moment))
        )


def _restic(bench: Workbench, rate: Rate, databases: Sequence[Path]) -> Iterator[tuple[str, str, Usage]]:
    program = restic.installed()
    if program is None:
        return
    repository, copies = bench.folder / "link/restic", [database.with_suffix(".copy") for database in databases]
    with rest_server(repository) as port, shaped(port, rate.bits_per_second, ROUND_TRIP) as link:
        theirs = Restic(bench, program, f"rest:{link.url(f'http://127.0.0.1:{port}/')}")
        theirs.init()

        def run(_: datetime) -> Usage:
            for database, copy in zip(databases, copies, strict=True):
                if not copy.exists() or copy.stat().st_mtime_ns < database.stat().st_mtime_ns:
                    copied(database, copy)
            return link.usage(lambda: theirs.backup(copies).seconds)

        yield from _days(rate, "restic", databases, bench.seed + 100, run)


def _days(
    rate: Rate, who: str, databases: Sequence[Path], seed: int, run: Callable[[datetime], Usage]
) -> Iterator[tuple[str, str, Usage]]:
    """A first backup today, and from tomorrow on a day of each kind; a seed that was used before changes nothing."""
    say(f"link: {rate.label}: {who}: first backup")
    yield "first backup", who, run(datetime.now(UTC))
    for number, day in enumerate(DAYS, start=1):
        say(f"link: {rate.label}: {who}: {day.label}")
        begin = datetime.combine(datetime.now(UTC).date() + timedelta(days=number), time(tzinfo=UTC))
        usages = []
        for index in range(RUNS):
            if day.change:
                for database in databases:
                    data.change(database, *day.change, seed + number * RUNS + index)
            usages.append(run(begin + index * timedelta(hours=24 / RUNS)))
        yield day.label, who, whole(usages)


def _ours(bench: Workbench, place: Place, moment: datetime) -> float:
    """The seconds of `invoke backup` as it runs at that moment; PillarError unless it passed."""
    ahead = (moment - datetime.now(UTC)).total_seconds()
    python, _, _, *arguments = invoke(place, "backup", "--json")
    done = bench.run([python, "-m", "tests.bench.later", str(max(0.0, ahead)), *arguments])
    if json.loads(done.output)["backup"]["verdict"] != "passed":
        raise PillarError("bench: invoke backup", f"it did not pass: {done.output}")
    return done.seconds


def _place(databases: Sequence[Path], url: str) -> Place:
    folder = databases[0].parent
    told = {"store": {"url": url}, "databases": [{"name": f"db-{one.stem}", "path": str(one)} for one in databases]}
    config = folder / "invoke.json"
    config.write_text(json.dumps(told))
    return Place(config, folder, url)


def _rows(found: Sequence[tuple[str, str, Usage]]) -> Iterator[tuple[str, ...]]:
    (_, _, first), (_, _, day), *_ = found
    for label, who, used in found:
        before = first if label == "first backup" else day
        yield (
            label,
            who,
            table.size(used.sent),
            table.size(used.received),
            f"{used.requests:,}",
            table.seconds(used.seconds),
            table.times(before.seconds / used.seconds),
        )


def _note(bench: Workbench, rate: Rate, held: str) -> str:
    part = min(1.0, bench.size / 1e9) * rate.scale
    scaled = (
        "the sizes of the deployment" if part == 1 else f"{table.share(part)} of the deployment's (at least 0.4 MB)"
    )
    compared = "is not installed here."
    if restic.installed():
        compared = (
            "backs up copies at rest, whose making is not timed, by its REST protocol over the same kind of link."
        )
    return (
        f"Databases of {held}: {scaled}; the link's {rate.label} each way and {ROUND_TRIP * 1000:.0f} ms round trip "
        f"are whole, over HTTP. One round. A day is {RUNS} runs, each after the change in every database; ours run "
        "with the clock moved on by four hours each time, so that the day's first run reads everything and starts the "
        f"day's blob. The former pipeline sends the same each time: its day is its run times {RUNS}. Bytes and "
        f"requests are counted on the link. restic {compared}"
    )
