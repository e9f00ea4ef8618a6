"""The scheduled backup in its own words: who it was, by which credential, and what it could read.

A schedule runs with another environment, other rights and, on macOS, other permissions than the person who looks. So
the job itself writes what it saw into this machine's own folder, and the doctor reads that. The note is no state: a
lost one is written again by the next run.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from local import clock
from local.archive.cache import cache_folder
from local.cloud.redact import scrub
from local.command_line.scheduled_run import is_scheduled
from local.doctor.check import CheckVerdict, DoctorCheck
from local.doctor.credential import identity_of
from local.doctor.run import Precondition
from local.errors import LockHeldError, PillarError
from local.events import Event, Watch
from local.output.screen import age
from local.report import BackupReport
from local.settings import Settings
from local.store.durable import replace_file
from local.store.layout import Moment
from local.typed import from_json

_FILE = "last-scheduled-run.json"
_LIMIT_BYTES = 1024 * 1024
_NAME = "schedule"
_FUTURE_SECONDS = -600
_SECONDS_IN_HOUR = 3600
_BY_SCHEDULE = "install the schedule, or see whether it runs: invoke schedule.install, invoke schedule.show"

Keep = Callable[[BackupReport], None]


class ReadDatabase(msgspec.Struct, frozen=True):
    """A database as the run found it; `error` is why it was not backed up."""

    name: str
    error: str | None = None


class RunNote(msgspec.Struct, frozen=True):
    """One scheduled run; `end_time` is None while it goes on, and for ever where it was killed.

    `identity` is by which credential the store was reached, and whom that names; "" where the store is a folder, and
    where the run did not come to its report.
    """

    start_time: Moment
    end_time: Moment | None
    verdict: Literal["running", "passed", "failed", "inconclusive"]
    user: str
    program: str
    identity: str = ""
    databases: tuple[ReadDatabase, ...] = ()
    error: str | None = None


@contextmanager
def kept(settings: Settings, watch: Watch, *, check: bool = False) -> Iterator[Keep]:
    """Around a backup: writes its words where it is the scheduled one, at its start and at its end, however it ends.
    With `check` nothing is backed up, and nothing is written.

    What the context gives is told the report. A run that met another one's lock leaves what that one wrote. A note that
    cannot be written is told, and changes nothing else.
    """
    if check or not is_scheduled():
        yield _unkept
        return
    note = _Note(note_path(settings), watch)
    started = RunNote(clock.now(), None, "running", _user(), sys.executable)
    before = note.begin(started)
    ended = msgspec.structs.replace(started, verdict="failed", error="it ended without a report")

    def keep(report: BackupReport) -> None:
        nonlocal ended
        ended = _with_report(started, report, _identity(settings))

    try:
        yield keep
    except LockHeldError:
        note.take_back(started, before)
        raise
    except BaseException as error:
        told = _told(error) if isinstance(error, PillarError) else f"{type(error).__name__}: {error}"
        note.write(msgspec.structs.replace(ended, verdict="failed", end_time=clock.now(), error=scrub(told)))
        raise
    note.write(msgspec.structs.replace(ended, end_time=clock.now()))


def _with_report(started: RunNote, report: BackupReport, identity: str) -> RunNote:
    read = tuple(ReadDatabase(database.name, database.error) for database in report.sources)
    return msgspec.structs.replace(started, verdict=report.backup.verdict, identity=identity, databases=read)


def _unkept(report: BackupReport) -> None:
    """Nobody's schedule started this run."""


def note_path(settings: Settings) -> Path:
    """Where the note about this store is."""
    return cache_folder(settings.store) / _FILE


def precondition(settings: Settings) -> Precondition:
    """What the last scheduled run said of itself."""
    return Precondition(_NAME, partial(_look, settings))


def read_note(path: Path) -> RunNote | None:
    """The note; None where there is none, ValueError where it does not read, OSError."""
    try:
        # A pipe in its place holds nobody up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_LIMIT_BYTES + 1) or b""
    if len(content) > _LIMIT_BYTES:
        raise ValueError(f"it holds more than {_LIMIT_BYTES} bytes")
    return from_json(content, RunNote)


def judge(found: RunNote | None, now: datetime, max_age_hours: float) -> DoctorCheck:
    """Whether the schedule runs, and what its last run could do."""
    check = partial(DoctorCheck, _NAME)
    if found is None:
        return check("skipped", "no scheduled backup has run on this machine yet", _BY_SCHEDULE)
    seconds = (now - found.start_time).total_seconds()
    told = f"last run {age(seconds)} ago" if seconds >= 0 else f"last run {clock.timestamp(found.start_time)}"
    told += f", as user {found.user} with {found.program}"
    told += f", {found.identity}" if found.identity else ""
    if seconds < _FUTURE_SECONDS:
        return check("warn", f"{told}, is in the future", "see whether this clock is right: date -u")
    if found.verdict not in ("running", "passed"):
        verdict: CheckVerdict = "warn" if found.verdict == "inconclusive" else "fail"
        return check(verdict, f"{told}: {found.verdict}: {_troubles(found)}", "mend that, and look after the next run")
    if seconds > max_age_hours * _SECONDS_IN_HOUR:
        ended = ": it told no end, so it hangs or was killed" if found.verdict == "running" else ""
        late = f"longer ago than the {max_age_hours:g} h of backup.max_age_hours"
        return check("fail", f"{told}{ended}: {late}", _BY_SCHEDULE)
    if found.verdict == "running":
        return check("warn", f"{told}: it still runs, or was killed", "run invoke doctor again later")
    return check("ok", f"{told}: passed, read {', '.join(database.name for database in found.databases)}")


def _look(settings: Settings) -> Iterator[DoctorCheck]:
    path = note_path(settings)
    try:
        found = read_note(path)
        yield judge(found, clock.now(), settings.backup.max_age_hours)
    except (ValueError, OSError) as error:
        mend = "remove it; the next scheduled run writes it again"
        yield DoctorCheck(_NAME, "warn", f"{path} cannot be read: {error}", mend)


def _troubles(found: RunNote) -> str:
    failed = [f"{database.name}: {database.error}" for database in found.databases if database.error]
    return "; ".join([found.error] if found.error else failed) or "its proof did not pass"


@dataclass(frozen=True)
class _Note:
    """The file, and who hears of it where it cannot be written."""

    path: Path
    watch: Watch

    def begin(self, run: RunNote) -> RunNote | None:
        """Write that it runs; what stood there before, where that reads."""
        try:
            before = read_note(self.path)
        except (ValueError, OSError):
            before = None
        self.write(run)
        return before

    def take_back(self, run: RunNote, before: RunNote | None) -> None:
        """What stood there before stands there again, unless the run that holds the lock has written meanwhile."""
        try:
            if before and read_note(self.path) == run:
                self.write(before)
        except (ValueError, OSError) as error:
            self._tell(error)

    def write(self, run: RunNote) -> None:
        """The whole note in one rename."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self.path, msgspec.json.encode(run))
        except OSError as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        told = f"what this run saw cannot be kept in {self.path}: {error}; the backup itself goes on"
        self.watch(Event("schedule", told, lasting=True))


def _identity(settings: Settings) -> str:
    try:
        found = identity_of(settings.store, settings.azure)
    except PillarError as error:
        return f"no credential ({_told(error)})"
    return scrub(found.told) if found else ""


def _told(error: PillarError) -> str:
    return scrub(f"{error}; {error.mend}" if error.mend else str(error))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, in a container
        return str(os.getuid())
