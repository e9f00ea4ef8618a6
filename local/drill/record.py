"""The record that every drill leaves in the store, wherever it ran."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from local import clock
from local.cloud.redact import scrub
from local.drill.targets import Source
from local.drill.verdict import ProgramResult
from local.errors import PillarError
from local.events import Event, Watch
from local.report import Drill, DrilledDatabase, DrillReport, worst
from local.store.interface import Store
from local.version import TOOL


@dataclass(frozen=True)
class DrillStart:
    """When a drill on this machine, called `host`, began: on the clock, and in the seconds of `time.monotonic`."""

    host: str
    time: datetime
    monotonic_seconds: float

    @classmethod
    def now(cls, host: str) -> DrillStart:
        """A drill that begins at this moment."""
        return cls(host, clock.now(), time.monotonic())


def local_report(start: DrillStart, outcome: ProgramResult, fallback: str | None = None) -> DrillReport:
    """The report of a drill on this machine that has just ended; `fallback` is why it did not run elsewhere."""
    drill = Drill(
        id=new_id(start.time),
        where="local",
        host=start.host,
        started=clock.timestamp(start.time),
        seconds=round(time.monotonic() - start.monotonic_seconds, 3),
        verdict=worst(each.verdict for each in outcome.drilled),
        fallback=fallback,
        sqlite=outcome.sqlite,
        python=outcome.python,
        tool=TOOL,
    )
    return DrillReport(drill, outcome.databases, outcome.volumes)


def new_id(started: datetime) -> str:
    """A drill's id: when it started, and a part that no other drill of that moment has."""
    return f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}"


def in_order(sources: Sequence[Source], drilled: Sequence[DrilledDatabase]) -> tuple[DrilledDatabase, ...]:
    """The results on these databases or volumes, in their order."""
    found = {each.name: each for each in drilled}
    return tuple(found[source.name] for source in sources)


def keep_record(store: Store, report: DrillReport, started: datetime, watch: Watch) -> None:
    """The report becomes the drill record in the store; where that takes none, the verdict stands and `watch` hears.

    Nothing was drilled where only a day or a moment was asked for of which there is no backup: that is no record.
    """
    if all(each.verdict == "inconclusive" and each.blob is None for each in report.sources):
        return
    host = "".join(character if character.isalnum() else "-" for character in report.drill.host)
    name = f"drills/{started.date().isoformat()}/{clock.compact_timestamp(started)}-{host}.json"
    try:
        store.write(name, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    except (PillarError, OSError) as error:
        mend = f"; {error.mend}" if isinstance(error, PillarError) and error.mend else ""
        text = f"the verdict stands, but its record was not kept: {scrub(str(error))}{mend}"
        watch(Event("drill", text, lasting=True))
