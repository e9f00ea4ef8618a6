"""`invoke bench`: build the databases, measure each part, show the tables, and with `write` keep them in docs/."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local.errors import ConfigError
from tests.bench import (
    data,
    machine,
    part_backup,
    part_drill,
    part_link,
    part_list,
    part_memory,
    part_requests,
    part_restic,
    part_scatter,
    part_writer,
    plot,
    table,
)
from tests.bench.table import Found
from tests.bench.workbench import CHECKOUT, Workbench, say

SEED = 9
# The most important first: a run that is cut short keeps what it has measured.
PARTS: dict[str, Callable[[Workbench], Found]] = {
    "backup": part_backup.measure,
    "drill": part_drill.measure,
    "restic": part_restic.measure,
    "scatter": part_scatter.measure,
    "requests": part_requests.measure,
    "writer": part_writer.measure,
    "link": part_link.measure,
    "list": part_list.measure,
    "memory": part_memory.measure,
}
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
_ROOM = {"memory": 16, "": 7}  # times the size: databases, their copies, archives in Azurite and in the cache


def main(size: str = "1GB", rounds: int = 3, parts: Sequence[str] = (), write: bool = False) -> None:
    """Run the named parts, or all, and print the page; with `write` also keep it, and its plot, in docs/.

    Where a part fails or is interrupted, the page has the parts before it, and says which it lacks.
    Raises ConfigError for bad usage, PillarError where one of the measured processes fails.
    """
    chosen = _chosen(parts)
    wanted = parse_size(size)
    if rounds < 1:
        raise ConfigError("--rounds", f"is {rounds}", "allowed: 1 or more")
    if write and parts:
        raise ConfigError("--write", "goes with all parts", "leave --part out: the page would lack the others")
    with tempfile.TemporaryDirectory(prefix="pillar9-bench-") as folder:
        _check_room(Path(folder), wanted, chosen)
        bench = Workbench(Path(folder), wanted, rounds, SEED)
        say(f"a database of {table.size(wanted)} in {folder}")
        data.generate(bench.pristine, wanted, SEED)
        found: dict[str, Found] = {}
        took: dict[str, float] = {}
        try:
            for name in chosen:
                begin = time.monotonic()
                found[name] = PARTS[name](bench)
                took[name] = time.monotonic() - begin
        finally:
            facts = machine.facts(bench, command_line(size, rounds, parts, write), took)
            lacking = [name for name in chosen if name not in took]
            text = document(list(found.values()), facts, lacking, machine.cores())
            print(text)
            if write and found:
                (CHECKOUT / "docs/benchmark.md").write_text(text)
                subtitle = f"{size}, text-heavy, WAL, to Azurite over loopback; medians of {rounds} rounds"
                (CHECKOUT / "docs/benchmark.svg").write_text(_drawn(list(found.values()), subtitle))


def document(found: Sequence[Found], facts: str, lacking: Sequence[str], cores: int) -> str:
    """The page: the picture, the tables, which parts it lacks, and what they were measured on."""
    tables = "\n".join(table.markdown(one, cores) for part in found for one in part.tables)
    head = "`invoke bench` writes this page; every figure is from one run."
    if lacking:
        head += f" **It was cut short and lacks {', '.join(lacking)}.**"
    return f"# Benchmark\n\n{head}\n\n![plot](benchmark.svg)\n\n{tables}\n{facts}"


def parse_size(text: str) -> int:
    """Bytes of "1GB", "30MB", "500kB" (decimal units), at least 1 MB; ConfigError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(kB|MB|GB)", text)
    value = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if value < 10**6:
        raise ConfigError("--size", f"is {text!r}", "allowed: a number and kB, MB or GB, at least 1MB")
    return value


def command_line(size: str, rounds: int, parts: Sequence[str], write: bool) -> str:
    """What a person types for the same run."""
    chosen = "".join(f" --part {name}" for name in parts)
    return f"invoke bench --size {size} --rounds {rounds}{chosen}{' --write' if write else ''}"


def _drawn(found: Sequence[Found], subtitle: str) -> str:
    speedups = [one for part in found for one in part.speedups]
    return plot.svg(speedups, [one for part in found for one in part.spreads], subtitle)


def _chosen(parts: Sequence[str]) -> list[str]:
    for name in parts:
        if name not in PARTS:
            raise ConfigError("--part", f"{name!r} is none", f"allowed: {', '.join(PARTS)}")
    return [name for name in PARTS if not parts or name in parts]


def _check_room(folder: Path, size: int, chosen: Sequence[str]) -> None:
    needed = size * _ROOM["memory" if "memory" in chosen else ""]
    free = shutil.disk_usage(folder).free
    if free < needed:
        came_back = f"{folder.parent} has {free:,} bytes free, and {needed:,} are needed"
        raise ConfigError("bench: make room", came_back, "free space there, or name a folder elsewhere: TMPDIR=…")
