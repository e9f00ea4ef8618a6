"""The record that every drill leaves in the store, wherever it ran."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import msgspec

from local import clock
from local.cloud.redact import scrub
from local.errors import PillarError
from local.events import Event, Watch
from local.report import DrilledDatabase, DrillReport
from local.settings import Database
from local.store.interface import Store


def new_id(started: datetime) -> str:
    """A drill's id: when it started, and a part that no other drill of that moment has."""
    return f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}"


def in_order(databases: Sequence[Database], drilled: Sequence[DrilledDatabase]) -> tuple[DrilledDatabase, ...]:
    """The results in the configuration's order."""
    found = {database.name: database for database in drilled}
    return tuple(found[database.name] for database in databases)


def keep_record(store: Store, report: DrillReport, started: datetime, watch: Watch) -> None:
    """The report becomes the drill record in the store; where that takes none, the verdict stands and `watch` hears."""
    host = "".join(character if character.isalnum() else "-" for character in report.drill.host)
    name = f"drills/{started.date().isoformat()}/{clock.compact_timestamp(started)}-{host}.json"
    try:
        store.write(name, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    except (PillarError, OSError) as error:
        mend = f"; {error.mend}" if isinstance(error, PillarError) and error.mend else ""
        text = f"the verdict stands, but its record was not kept: {scrub(str(error))}{mend}"
        watch(Event("drill", text, lasting=True))
