"""Around a backup or a drill: a ping at its start and its end, and an alert of what it changed.

A first signal (Ctrl-C, SIGTERM) ends it without either: a person knows, and a check that heard of the start alone tells
by itself once its grace time is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from local import clock
from local.alerts import secrets
from local.alerts.bounded import BoundedCall
from local.alerts.lateness import store_status
from local.alerts.outcomes import error_text, of_backup, of_drill, of_error, of_status
from local.alerts.ping import PingEvent, send_ping
from local.alerts.secrets import Secret, Source
from local.alerts.state import Observation
from local.alerts.tell import SUBJECT, Alerting, drill_ping_source, ping_source, report_bug, tell
from local.alerts.words import calm
from local.command_line.telling import Tell, WatchedWork
from local.errors import AzureError, ConfigError, LockHeldError, PillarError
from local.events import Event, Watch
from local.output.endings import backup_ending, drill_ending
from local.output.screen import Screen
from local.report import BackupReport, DrillReport, backup_exit_code
from local.settings import AlertSettings, Settings

Report = BackupReport | DrillReport
Found = Report | Exception


@dataclass
class Check:
    """The check that hears of this work, if one is configured; what goes wrong with it is told, never raised."""

    source: Source
    watch: Watch
    _secret: Secret | None = None
    _start: BoundedCall | None = None

    def start(self) -> None:
        """Tell it of the start; the work does not wait for that."""
        if not self.source.is_configured:
            return
        try:
            self._secret = secrets.read_check(self.source)
            self._start = send_ping(self._secret, "start")
        except ConfigError as error:
            self.watch(Event(SUBJECT, f"no pings: {error}; {error.mend}", lasting=True))
        except Exception as error:
            report_bug(error, self.watch)

    def end(self, event: PingEvent, text: str) -> None:
        """Tell it how that ended, after the start."""
        if self._secret is None or self._start is None:
            return
        self._report("start", self._start.trouble())
        self._report(event, send_ping(self._secret, event, text).trouble())

    def _report(self, event: PingEvent, trouble: str) -> None:
        if trouble:
            told = f"the ping of {event} to the check of {self.source} failed: {trouble}; try it: invoke alert.test"
            self.watch(Event(SUBJECT, told, lasting=True))


@contextmanager
def around(configured: Settings, screen: Screen, work: WatchedWork) -> Iterator[Tell]:
    """Tell of the work in here: of the report that is handed in, or of the error that ended it."""
    found: list[Report] = []

    def watch(event: Event) -> None:
        screen.say(f"{event.subject}: {event.text}", "yellow" if event.lasting else "")

    alerts = configured.alerts or AlertSettings()
    check = Check(ping_source(alerts) if work.kind == "backup" else drill_ping_source(alerts), watch)
    check.start()
    try:
        yield found.append
    except Exception as error:
        _told_safely(configured, work, found[-1] if found else error, check)
        raise
    if found:
        _told_safely(configured, work, found[-1], check)


def _told_safely(configured: Settings, work: WatchedWork, found: Found, check: Check) -> None:
    """Whatever happens in here, the work is what it was."""
    try:
        event = ping_event(work, found)
        if event:
            check.end(event, "\n".join(map(calm, _summary(work, found))))
        outcomes = (*_outcomes(work, found), *_of_store(configured, found, check.watch))
        tell(Alerting.of(configured), outcomes, check.watch)
    except Exception as error:
        report_bug(error, check.watch)


def ping_event(work: WatchedWork, found: Found) -> PingEvent | None:
    """What the check hears: of backups, whether they were made; of drills, whether they proved; None of another run.

    A drill that proved nothing is a note that leaves the check as it is.
    """
    if isinstance(found, LockHeldError):
        return None
    if isinstance(found, Exception):
        return "fail" if work.kind == "backup" else "log"
    if isinstance(found, BackupReport):
        return "fail" if found.backup.verdict == "failed" else "success"
    events: dict[str, PingEvent] = {"passed": "success", "failed": "fail", "inconclusive": "log"}
    return events[found.drill.verdict]


def _summary(work: WatchedWork, found: Found) -> Iterator[str]:
    if isinstance(found, Exception):
        mend = found.mend if isinstance(found, PillarError) else ""
        yield f"{work.kind} of {', '.join(work.names)}: {error_text(found)}"
        yield mend
        return
    for outcome in _outcomes(work, found):
        word = "not right" if outcome.is_wrong else "ok"
        yield f"{outcome.name}: {outcome.kind} {word}{': ' if outcome.detail else ''}{outcome.detail}"
    if isinstance(found, BackupReport):
        proof = found.proof
        if proof:
            yield f"proof {proof.verdict}{': ' if proof.error else ''}{proof.error or ''}"
        yield backup_ending(found)
    else:
        yield drill_ending(found)


def _outcomes(work: WatchedWork, found: Found) -> tuple[Observation, ...]:
    now = clock.now()
    if isinstance(found, Exception):
        return tuple(of_error(work.kind, work.names, found, now))
    return tuple(of_backup(found, now) if isinstance(found, BackupReport) else of_drill(found, now))


def _of_store(configured: Settings, found: Found, watch: Watch) -> Sequence[Observation]:
    """What the store's status says after a backup; nothing where the run itself could not reach the store."""
    if not isinstance(found, BackupReport) or backup_exit_code(found) == AzureError.exit_code:
        return ()
    status = store_status(configured, watch)
    return tuple(of_status(status)) if status else ()
