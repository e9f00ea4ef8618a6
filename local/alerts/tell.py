"""Telling, once: what was seen, against what was told before, through every channel; and the pings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local import clock
from local.alerts import memory, secrets, state
from local.alerts.outcomes import of_status
from local.alerts.secrets import Source
from local.alerts.state import Change, Observation
from local.alerts.words import compose
from local.archive.cache import cache_folder
from local.errors import ConfigError
from local.events import Event, Watch
from local.settings import AlertSettings, Settings
from local.watch.status import Status

SUBJECT = "alerts"
_TEST = "invoke alert.test"


@dataclass(frozen=True)
class Alerting:
    """Who tells of which store, where what was told is remembered, and where the channels' URLs stand."""

    host: str
    store: str
    folder: Path
    urls: Source

    @classmethod
    def of(cls, configured: Settings) -> Alerting:
        """What the configuration says."""
        return cls(
            configured.drill.host,
            configured.store.url,
            cache_folder(configured.store),
            urls_source(configured.alerts or AlertSettings()),
        )


def urls_source(alerts: AlertSettings) -> Source:
    """Where Apprise's URLs stand."""
    return _source("urls", alerts.urls_env, alerts.urls_file)


def ping_source(alerts: AlertSettings) -> Source:
    """Where the URL of the backups' check stands."""
    return _source("ping", alerts.ping_env, alerts.ping_file)


def drill_ping_source(alerts: AlertSettings) -> Source:
    """Where the URL of the drills' check stands."""
    return _source("drill_ping", alerts.drill_ping_env, alerts.drill_ping_file)


def tell_of_status(configured: Settings, status: Status, watch: Watch) -> None:
    """Tell what is late, or is in time again, as far as that is new; nothing where no alerts are configured.

    Raises nothing: what goes wrong is an event that lasts.
    """
    if configured.alerts is not None:
        tell(Alerting.of(configured), tuple(of_status(status)), watch)


def tell(alerting: Alerting, outcomes: Sequence[Observation], watch: Watch) -> None:
    """Send one message of what these outcomes change, and remember it once it reached somebody.

    Raises nothing: an alert that fails never fails the job, and is an event that lasts.
    """
    if not alerting.urls.is_configured:
        return
    try:
        with memory.alone(alerting.folder):
            _tell_alone(alerting, outcomes, watch)
    except OSError as error:
        told = f"what was told cannot be kept in {alerting.folder}, so it may be told again: {error}"
        watch(Event(SUBJECT, told, lasting=True))
    except Exception as error:
        report_bug(error, watch)


def report_bug(error: Exception, watch: Watch) -> None:
    """One of ours: told by its kind alone, since its text may hold what an alert must not tell."""
    told = f"{type(error).__name__} kept an alert from being sent: this is a bug, please report it ({_TEST})"
    watch(Event(SUBJECT, told, lasting=True))


def _tell_alone(alerting: Alerting, outcomes: Sequence[Observation], watch: Watch) -> None:
    former = memory.recall(alerting.folder)
    standings = state.advance(former, outcomes, clock.now())
    changes = state.untold(standings, outcomes)
    if changes and _reaches_somebody(alerting, changes, watch):
        standings = state.told(standings, changes)
    if standings != former:
        memory.remember(alerting.folder, standings)


def _reaches_somebody(alerting: Alerting, changes: Sequence[Change], watch: Watch) -> bool:
    from local.alerts.send import send

    try:
        urls = secrets.read(alerting.urls)
    except ConfigError as error:
        watch(Event(SUBJECT, f"not sent: {error}; {error.mend}", lasting=True))
        return False
    message = compose(alerting.host, alerting.store, changes)
    sent = send(urls, message)
    for index, each in enumerate(sent, 1):
        if each.trouble:
            told = f"{each.channel} ({alerting.urls}, URL {index}) took no message: {each.trouble}; try it: {_TEST}"
            watch(Event(SUBJECT, told, lasting=True))
    reached = [each.channel for each in sent if not each.trouble]
    if reached:
        watch(Event(SUBJECT, f"told {', '.join(reached)}: {message.subject}"))
    return bool(reached)


def _source(key: str, env: str | None, path: Path | None) -> Source:
    return Source(f"alerts.{key}_{'env' if env is not None else 'file'}", env, path)
