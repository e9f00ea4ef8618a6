"""One function for whoever runs: what a status changes is told once, and a process that is killed tells again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local import clock, settings
from local.alerts.tell import tell_of_status
from local.events import Event
from local.settings import Settings
from local.watch.facts import DatabaseFacts, StoreFacts
from local.watch.status import StatusLimits, judge
from tests.support import receivers
from tests.support.receivers import HttpReceiver

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


def configured(folder: Path, url: str | None) -> Settings:
    more = {}
    if url is not None:
        path = folder / "urls"
        path.write_text(url)
        path.chmod(0o600)
        more["alerts"] = {"urls_file": str(path)}
    databases = [{"name": "costs", "path": "/costs.db"}]
    return settings.load({"store": {"url": "file:///store"}, "databases": databases, **more})


def titles(receiver: HttpReceiver) -> list[str]:
    return [json.loads(each.body)["title"] for each in receiver.received]


def tell(given: Settings, hours: int = 0) -> list[Event]:
    """What is shown while a status without any backup is told."""
    shown: list[Event] = []
    facts = StoreFacts(NOW + timedelta(hours=hours), 37, (DatabaseFacts("costs"),))
    tell_of_status(given, judge(facts, StatusLimits(5, 35)), shown.append)
    return shown


def test_what_is_late_is_told_once(tmp_path: Path, receiver: HttpReceiver) -> None:
    given = configured(tmp_path, f"json://{receiver.address}/hook")

    shown = [event for hours in range(50) for event in tell(given, hours)]

    assert titles(receiver) == ["localhost: backup of costs is LATE"]
    assert [event.text for event in shown] == ["told json: localhost: backup of costs is LATE"]
    body = json.loads(receiver.received[0].body)["message"]
    assert f"since {clock.timestamp(NOW)}" in body
    assert "what to do: invoke backup --only costs" in body


def test_a_failure_to_tell_is_an_event_that_lasts(tmp_path: Path) -> None:
    (shown,) = tell(configured(tmp_path, f"json://127.0.0.1:{receivers.refusing_port()}/tokenA"))

    assert shown.lasting
    assert "took no message" in shown.text
    assert "tokenA" not in shown.text


def test_without_alerts_nothing_is_told(tmp_path: Path) -> None:
    assert tell(configured(tmp_path, None)) == []


def test_a_process_that_is_killed_while_it_tells_costs_a_repeated_alert_and_none_is_lost(
    tmp_path: Path, receiver: HttpReceiver
) -> None:
    program = """
import sys
from pathlib import Path
from tests.local.alerts.test_tell import configured, tell
tell(configured(Path(sys.argv[1]), sys.argv[2]))
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=600"
        process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), url])
        connection, _ = silent.accept()
        with connection:
            # It holds the lock, and waits for the answer to its message.
            process.kill()
            process.wait()

    tell(configured(tmp_path, f"json://{receiver.address}/hook"))

    assert titles(receiver) == ["localhost: backup of costs is LATE"]
