"""What comes of one database or volume of a run: stored, or failed by itself, in the words of the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import Any

from local import clock
from local.backup import one_database, one_volume
from local.backup.context import RunContext, StoppedError
from local.backup.engine_turns import EngineTurns
from local.backup.upload import Stored
from local.cloud.redact import scrub
from local.errors import AzureError, PillarError, SourceError
from local.events import Event
from local.report import BackedUpDatabase, BackedUpVolume, RefusedDatabase, RefusedVolume
from local.settings import Database, Volume
from local.store import catalog


@dataclass(frozen=True)
class BackedUpSource:
    """What is backed up: how that is done, and as what it stands in the report, with `more` fields where it passed."""

    name: str
    deliver: Callable[[RunContext], Stored]
    result: type[BackedUpDatabase]
    refused: type[BackedUpDatabase]
    more: Callable[[Stored], dict[str, Any]] = lambda _: {}


def database_source(database: Database) -> BackedUpSource:
    """The database as a source."""
    return BackedUpSource(database.name, partial(one_database.deliver, database), BackedUpDatabase, RefusedDatabase)


def volume_source(volume: Volume, engines: EngineTurns) -> BackedUpSource:
    """The volume as a source, which is read through the run's engine."""
    return BackedUpSource(
        volume.name,
        partial(one_volume.deliver, volume, engines),
        BackedUpVolume,
        RefusedVolume,
        lambda stored: {"files": stored.recorded.files, "changing": stored.changing},
    )


def back_up_one(source: BackedUpSource, context: RunContext) -> BackedUpDatabase:
    """What came of it; raises nothing but StoppedError."""
    begin, started = time.monotonic(), clock.now()
    try:
        stored = source.deliver(context)
        _tell_of_clock(source.name, started, context)
    except StoppedError:
        raise
    except Exception as error:
        text = _told(error, source.name, context.folder)
        context.watch(Event(source.name, "failed", verdict="failed"))  # why stands once, below the table
        kind = source.refused if isinstance(error, AzureError) else source.result
        return kind(source.name, "failed", seconds=round(time.monotonic() - begin, 3), error=text)
    done = "would be stored" if context.checking else "stored"
    context.watch(Event(source.name, f"{done} as {stored.blob}", verdict="passed"))
    return source.result(
        name=source.name,
        verdict="passed",
        blob=stored.blob,
        backup_time=clock.timestamp(stored.recorded.taken) if stored.recorded.taken else None,
        sha256=stored.recorded.sha256,
        database_bytes=stored.recorded.raw_bytes,
        gzip_bytes=stored.gzip_bytes,
        uploaded_bytes=stored.sent,
        changed=None if stored.changed is None else round(stored.changed, 6),
        read=stored.read,
        seconds=round(time.monotonic() - begin, 3),
        **source.more(stored),
    )


def _tell_of_clock(name: str, started: datetime, context: RunContext) -> None:
    """A backup that the store held before this run cannot have been taken after it."""
    latest = catalog.newest(context.connection.result().points, name)
    if latest and latest.taken > started:
        text = (
            f"this machine's clock says {clock.timestamp(started)}, and the store holds a backup of "
            f"{clock.timestamp(latest.taken)}: one of the clocks is wrong (date -u); drills and restores take the "
            "newest that is not in the future"
        )
        context.tell(name, [text])


def _told(error: Exception, name: str, folder: Path) -> str:
    """What went wrong and what mends it; an error of the operating system comes from this machine's own folder.

    Anything else is a bug, which is this database's alone: it is told with its place, for whoever reports it.
    """
    if isinstance(error, OSError):
        error = SourceError(f"backup of {name}", error.strerror or str(error), f"check that disk: df -h {folder}")
    if not isinstance(error, PillarError):
        place = extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        error = SourceError(f"backup of {name}", f"{where}: {scrub(str(error))}", "this is a bug: please report it")
    return f"{error}; {error.mend}" if error.mend else str(error)
