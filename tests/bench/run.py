"""`invoke bench`: build the databases, measure each part, show the tables, and with `write` keep them in docs/."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local import interrupt
from local.errors import ConfigError
from tests.bench import (
    data,
    machine,
    part_backup,
    part_blocks,
    part_drill,
    part_limit,
    part_link,
    part_list,
    part_memory,
    part_requests,
    part_restic,
    part_scatter,
    part_volume,
    part_writer,
    part_years,
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
    "limit": part_limit.measure,
    "requests": part_requests.measure,
    "blocks": part_blocks.measure,
    "writer": part_writer.measure,
    "link": part_link.measure,
    "list": part_list.measure,
    "years": part_years.measure,
    "volume": part_volume.measure,
    "memory": part_memory.measure,
}
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
_ROOM = {"memory": 16, "": 7}  # times the size: databases, their copies, archives in Azurite and in the cache


def main(size: str = "1GB", rounds: int = 3, parts: Sequence[str] = (), write: bool = False) -> None:
    """Run the named parts, or all, and print the page; with `write` also keep it, and its plot, in docs/.

    It is kept after each part, so that where one fails or is interrupted the page has those before it, and says which
    it lacks.
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
        page = Page(bench, command_line(size, rounds, parts, write), chosen)
        try:
            for name in chosen:
                page.measure(name)
                if write:
                    page.keep()
                    interrupt.leaves("docs/benchmark.md has the parts that were measured, and says which it lacks")
        finally:
            print(page.text())


class Page:
    """What the parts that were measured so far have found."""

    def __init__(self, bench: Workbench, command: str, chosen: Sequence[str]) -> None:
        self._bench = bench
        self._command = command
        self._chosen = chosen
        self._found: list[Found] = []
        self._took: dict[str, float] = {}

    def measure(self, name: str) -> None:
        """Add a part; raises what it raises."""
        begin = time.monotonic()
        self._found.append(PARTS[name](self._bench))
        self._took[name] = time.monotonic() - begin

    def text(self) -> str:
        """The page, which says so where it lacks parts."""
        lacking = [name for name in self._chosen if name not in self._took]
        return document(self._found, machine.facts(self._bench, self._command, self._took), lacking, machine.cores())

    def keep(self) -> None:
        """Write it, and its plot, to docs/."""
        subtitle = f"{table.size(self._bench.size)}, text-heavy, WAL, to Azurite over loopback; "
        subtitle += f"medians of {table.counted(self._bench.rounds, 'round')}"
        speedups = [one for part in self._found for one in part.speedups]
        spreads = [one for part in self._found for one in part.spreads]
        (CHECKOUT / "docs/benchmark.md").write_text(self.text())
        (CHECKOUT / "docs/benchmark.svg").write_text(plot.svg(speedups, spreads, subtitle))


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
