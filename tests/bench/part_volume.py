"""A Docker volume of many files: first backup, nothing changed, 1 % of the files changed, against `tar czf`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from local.errors import PillarError
from tests.bench import files, former, table
from tests.bench.former import Former
from tests.bench.part_memory import BAR, PROGRAM, Peak
from tests.bench.table import Found, Speedup, Table
from tests.bench.workbench import Place, Sample, Workbench, invoke, new_container, say
from tests.support import container_engines
from tests.support.container_engines import ContainerEngine
from tests.support.debian_programs import MissingError

NAME = "bench"
CHANGES = 3
SHARE = 0.01
SENT_BAR = 0.03
_LABELS = _FIRST, _SAME, _CHANGED = "first backup", "nothing changed", "1 % of files changed"


@dataclass(frozen=True)
class Run:
    """One `invoke backup` of the volume: what it told, how long it took, and its peak of memory."""

    label: str
    sample: Sample
    peak: Peak


def measure(bench: Workbench) -> Found:
    """`rounds` rounds, each with a volume and a container of its own; PillarError where no engine can run."""
    rounds = [_round(bench, number) for number in range(1, bench.rounds + 1)]
    before = [one for one, _ in rounds]
    runs = [run for _, found in rounds for run in found]
    took = median(one.seconds for one in before)
    rows: list[tuple[str, ...]] = [
        ("tar czf, sha256sum, upload", table.seconds(took), "1 x", *_sizes(before), "", "", "")
    ]
    rows += [_row(label, [run for run in runs if run.label == label], took) for label in _LABELS]
    speedups = [Speedup(f"volume, {label}", took / _seconds(runs, label), None) for label in _LABELS]
    note = (
        f"A volume of text in files of {table.size(files.MEAN_BYTES)} on average, half of them with a quarter of that "
        f"or less (10,000 files in 1 GB), read through the API of a Docker engine of "
        f"the bench's own, {table.counted(bench.rounds, 'round')}. A change writes other text into that share of the "
        "files, scattered, others in each of three runs. The volume is read twice, though nobody writes meanwhile. The "
        "former way: `tar czf` of the volume's folder, `sha256sum`, and one Python process that uploads both with the "
        "SDK. Anonymous memory is that of the whole `invoke backup` process."
    )
    head = ("run", "median", "former / ours", "sent", "of the archive", "bar", "anonymous", "bar")
    return Found((Table("A Docker volume", note, head, tuple(rows)),), tuple(speedups))


def _round(bench: Workbench, number: int) -> tuple[Former, list[Run]]:
    say(f"volume: round {number} of {bench.rounds}")
    with bench.service() as service, _engine(bench) as engine:
        folder = engine.volume(NAME)
        files.generate(folder, bench.size, bench.seed)
        before = former.back_up_folder(bench, folder, new_container(service.url, "former"))
        with bench.place(service.url, "volume", folder) as place:
            configuration = json.loads(place.config.read_text())
            configuration["databases"], configuration["volumes"] = [], [{"name": NAME}]
            place.config.write_text(json.dumps(configuration))
            runs = [_run(bench, place, engine, label) for label in (_FIRST, _SAME)]
            for change in range(1, CHANGES + 1):
                files.change(folder, SHARE, seed=bench.seed + change)
                runs.append(_run(bench, place, engine, _CHANGED))
    return before, runs


@contextmanager
def _engine(bench: Workbench) -> Iterator[ContainerEngine]:
    folder = bench.folder / "engine"
    folder.mkdir(exist_ok=True)
    try:
        with container_engines.docker_running(folder) as engine:
            yield engine
    except MissingError as error:
        raise PillarError("bench: a Docker engine of its own", str(error), "leave --part volume out") from error


def _run(bench: Workbench, place: Place, engine: ContainerEngine, label: str) -> Run:
    document = bench.folder / "volume.json"
    into = ["sh", "-c", 'out=$1; shift; exec "$@" > "$out"', "sh", str(document)]
    command = [*into, "env", f"DOCKER_HOST={engine.url}", *invoke(place, "backup", "--json")]
    done = bench.run([sys.executable, str(PROGRAM), "--anonymous", *command])
    anonymous, resident = done.output.split()
    (volume,) = json.loads(document.read_text())["volumes"]
    sizes = (volume["uploaded_bytes"], volume["gzip_bytes"], volume["database_bytes"])
    return Run(label, Sample(done.begin, done.seconds, *sizes, volume["read"]), Peak(int(anonymous), int(resident)))


def _row(label: str, runs: list[Run], before: float) -> tuple[str, ...]:
    samples = [run.sample for run in runs]
    took, sent = median(one.seconds for one in samples), median(one.sent for one in samples)
    shares = [one.sent / one.gzip_bytes for one in samples]
    peak = max(run.peak.anonymous for run in runs)
    return (
        label,
        table.seconds(took),
        table.times(before / took),
        table.size(sent),
        table.share(median(shares)),
        table.at_most(max(shares), SENT_BAR, "%") if label != _FIRST else "",
        table.size(peak),
        f"<= {table.size(BAR)}: {'met' if peak <= BAR else 'MISSED'}",
    )


def _seconds(runs: list[Run], label: str) -> float:
    return median(run.sample.seconds for run in runs if run.label == label)


def _sizes(before: list[Former]) -> tuple[str, str]:
    return table.size(median(one.gzip_bytes for one in before)), "100 %"
