"""Who hears of a backup or a drill and of what came of it: a room above this one, which tasks.py hands in.

with invocation.telling("backup", databases) as tell:
    ...
    tell(report)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from local.output.screen import Screen
from local.report import BackupReport, DrillReport
from local.settings import Settings

WorkKind = Literal["backup", "drill"]
Tell = Callable[[BackupReport | DrillReport], None]


@dataclass(frozen=True)
class WatchedWork:
    """What is begun, for these databases."""

    kind: WorkKind
    names: tuple[str, ...]


# Entered before the work, left after it with whatever error ended it; what it gives takes the report.
Teller = Callable[[Settings, Screen, WatchedWork], AbstractContextManager[Tell]]
_tellers: list[Teller] = []


def tell_with(teller: Teller) -> None:
    """Have `teller` around every backup and drill, but for one that only checks."""
    _tellers.append(teller)


@contextmanager
def telling(configured: Settings, screen: Screen, work: WatchedWork) -> Iterator[Tell]:
    """All who were handed in, around the work in here."""
    with ExitStack() as stack:
        heard = [stack.enter_context(teller(configured, screen, work)) for teller in _tellers]

        def tell(report: BackupReport | DrillReport) -> None:
            for each in heard:
                each(report)

        yield tell


def untold(report: BackupReport | DrillReport) -> None:
    """For work that nobody is told of."""
