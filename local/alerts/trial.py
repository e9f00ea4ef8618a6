"""Whether anybody would hear of it: a test message through every channel, a note to every check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from local import clock
from local.alerts import secrets
from local.alerts.ping import send_ping
from local.alerts.secrets import Source
from local.alerts.tell import drill_ping_source, ping_source, urls_source
from local.alerts.words import Message
from local.errors import ConfigError
from local.output.screen import Screen
from local.report import Document
from local.settings import AlertSettings

_PAGE = "docs/unattended.md, section Alerts"


class TriedChannel(msgspec.Struct, frozen=True):
    """One channel or check: its kind, where its URL stands (never the URL), and what went wrong."""

    kind: str
    source: str
    verdict: Literal["passed", "failed"]
    error: str | None = None


class AlertTestVerdict(msgspec.Struct, frozen=True):
    """Failed if any of them did, since nobody would notice that one later."""

    verdict: Literal["passed", "failed"]
    test_time: str


class AlertTest(Document, frozen=True):
    """The `--json` document of `alert.test`."""

    alerts: AlertTestVerdict
    channels: tuple[TriedChannel, ...]


def require(alerts: AlertSettings | None) -> AlertSettings:
    """These settings; ConfigError where they name neither a channel nor a check."""
    configured = alerts or AlertSettings()
    sources = (urls_source(configured), ping_source(configured), drill_ping_source(configured))
    if not any(source.is_configured for source in sources):
        told = "neither a channel nor a check is configured, so nobody would hear of anything"
        raise ConfigError("alert.test", told, f"set alerts.urls_file or alerts.ping_file (see {_PAGE})")
    return configured


def run(alerts: AlertSettings, host: str) -> AlertTest:
    """Try all that is configured."""
    message = Message(
        f"{host}: test of the alerts",
        f"A test of invoke alert.test on {host}. Nothing is wrong, and nothing is to be done.",
        is_wrong=False,
    )
    checks = [source for source in (ping_source(alerts), drill_ping_source(alerts)) if source.is_configured]
    tried = [*_messages(urls_source(alerts), message), *(_ping(source, message) for source in checks)]
    verdict: Literal["passed", "failed"] = "passed" if all(each.verdict == "passed" for each in tried) else "failed"
    return AlertTest(AlertTestVerdict(verdict, clock.timestamp(clock.now())), tuple(tried))


def exit_code(found: AlertTest) -> int:
    """1 where any channel or check failed."""
    return 0 if found.alerts.verdict == "passed" else 1


def show(screen: Screen, found: AlertTest) -> None:
    """Each channel and check, and what became of its message."""
    rows = [(each.kind, each.verdict, each.source) for each in found.channels]
    screen.table(("channel", "verdict", "URL in"), rows)
    for each in found.channels:
        if each.error:
            screen.say(f"{each.kind} ({each.source}): {each.error}", "bold red")
    failed = sum(each.verdict == "failed" for each in found.channels)
    told = f"alerts {found.alerts.verdict}: {len(found.channels) - failed} of {len(found.channels)} took the test"
    screen.say(told, "bold red" if failed else "green")


def _messages(source: Source, message: Message) -> Iterator[TriedChannel]:
    if not source.is_configured:
        return
    try:
        found = secrets.read(source)
    except ConfigError as error:
        yield _tried("message", str(source), f"{error.came_back}; {error.mend}")
        return
    from local.alerts.send import send

    for index, sent in enumerate(send(found, message), 1):
        yield _tried(sent.channel, f"{source}, URL {index}", sent.trouble)


def _ping(source: Source, message: Message) -> TriedChannel:
    kind = source.key.removeprefix("alerts.").rpartition("_")[0].replace("_", " ")
    try:
        secret = secrets.read_check(source)
    except ConfigError as error:
        return _tried(kind, str(source), f"{error.came_back}; {error.mend}")
    # A success would hide a dead backup for a whole period of the check.
    return _tried(kind, str(source), send_ping(secret, "log", message.body).trouble())


def _tried(kind: str, source: str, trouble: str) -> TriedChannel:
    return TriedChannel(kind, source, "failed" if trouble else "passed", trouble or None)
