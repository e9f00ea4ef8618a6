"""docs/reliability.md, from what a real run counted: `python -m tests.reliability.page TALLY [WHAT WAS RUN]`.

The tally is the file that PILLAR9_TALLY named while the tests ran; `invoke test --long` does both.
"""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from local.version import TOOL
from tests.support import azurite
from tests.support.tally import Count

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
COMMAND = "invoke test --long"

TEXT = """\
# What was tried, and what was lost

Counted on {day} by {run}, with {versions}.

Each case is a real process on a real store (Azurite behind a proxy that makes the faults, or a folder). "Lost" is a
content that could not be brought back whole, a live database or volume that was changed or restored in part and not
said to be, a wrong verdict, or something temporary that outlived the next run. This command tries all of it again and
writes this page:

```sh
{command}
```

In all {tried:,} tries, and {lost} lost.

{tables}
After each kill and each fault the tests ask: is the store's newest backup whole, the old content or the new one?
Does it drill? Is the live database or volume as it was, or after a restore the former or the restored one, whole? Where
a volume may be half filled, does the next command say so, and a rollback bring back what it held? Does the next run
succeed without help, and leave nothing of the one before? Was the exit code 0 exactly where the new content is the
newest, with its sidecar, or where it was restored? How they ask it stands in `tests/reliability/`, and each figure is
counted by the test itself (`tests/support/tally.py`).
"""


@dataclass(frozen=True)
class Line:
    """One fault: how often it was tried, and how often something was lost."""

    fault: str
    tried: int
    lost: int


def added_up(counts: Iterable[Count]) -> dict[str, list[Line]]:
    """The lines by area, each in the alphabet's order."""
    tried: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    for each in counts:
        tried[each.area, each.fault] += each.tried
        lost[each.area, each.fault] += each.lost
    areas: dict[str, list[Line]] = {}
    for area, fault in sorted(tried):
        areas.setdefault(area, []).append(Line(fault, tried[area, fault], lost[area, fault]))
    return areas


def page(counts: Iterable[Count], day: str, versions: str, run: str = f"`{COMMAND}`") -> str:
    """The page as text; `run` is what was run."""
    areas = added_up(counts)
    lines = [line for each in areas.values() for line in each]
    return TEXT.format(
        command=COMMAND,
        day=day,
        run=run,
        versions=versions,
        tried=sum(line.tried for line in lines),
        lost=sum(line.lost for line in lines) or "nothing",
        tables="\n".join(_table(area, each) for area, each in areas.items()),
    )


def _table(area: str, lines: list[Line]) -> str:
    head = f"## {area[:1].upper()}{area[1:]}\n\n| fault or input | tried | lost |\n|---|---:|---:|\n"
    return head + "".join(f"| {line.fault.replace('|', '/')} | {line.tried:,} | {line.lost:,} |\n" for line in lines)


def versions_here() -> str:
    """What was tested, and with what."""
    sdk = f"azure-storage-blob {version('azure-storage-blob')}"
    system = f"{platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()}"
    return f"{TOOL}, {python}, SQLite {sqlite3.sqlite_version}, {sdk}, Azurite {azurite.VERSION} on {system}"


def write(tally: Path, target: Path = PAGE, run: str = f"`{COMMAND}`") -> None:
    """Write the page from a tally of what was run; ValueError for one that counts nothing."""
    counts = [msgspec.json.decode(line, type=Count) for line in tally.read_bytes().splitlines()]
    if not counts:
        raise ValueError(f"{tally} counts nothing: run the tests with PILLAR9_TALLY={tally}")
    target.write_text(page(counts, datetime.now(UTC).date().isoformat(), versions_here(), run))


if __name__ == "__main__":
    write(Path(sys.argv[1]), PAGE, *sys.argv[2:])
