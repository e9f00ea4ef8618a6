"""The timers under a real user manager of systemd: installed, made up for after days without power, shown, removed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import user_manager
from tests.support.user_manager import NoManagerError, UserManager
from tests.support.workshop import Workshop

LABEL = "org.pillar9-tests"
LABELS = (f"{LABEL}.azure-db-backup", f"{LABEL}.sqlite-restore-drill")
DAYS_OFF = 3
_SECONDS = 120.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[UserManager]:
    """A manager that is up."""
    try:
        with user_manager.running(tmp_path) as running:
            yield running
    except NoManagerError as error:
        pytest.skip(f"no systemd user manager can be had here: {error}")


def agents(workshop: Workshop, manager: UserManager) -> dict[str, dict[str, Any]]:
    shown = workshop.invoke("schedule.show", "--json", environment=manager.environment)
    return {agent["label"]: agent for agent in json.loads(shown.stdout)["agents"]}


def test_what_was_missed_without_power_runs_by_itself_and_what_was_installed_is_gone_afterwards(
    folder_workshop: Workshop, manager: UserManager
) -> None:
    folder_workshop.add("costs")
    folder_workshop.more = {"schedule": {"label": LABEL, "drill": {"command": "drill.local"}}}

    installed = folder_workshop.invoke("schedule.install", environment=manager.environment)

    assert installed.returncode == 0, installed
    assert "schedule changed: both agents are with systemd" in installed.stdout
    assert [manager.ask("is-active", f"{label}.timer").stdout for label in LABELS] == ["active\n", "active\n"]
    # Nothing was missed yet, so nothing runs before its time.
    assert list(folder_workshop.store.entries("sqlite")) == []

    manager.stop()
    for stamp in (manager.home / ".local/share/systemd/timers").iterdir():
        os.utime(stamp, (time.time() - DAYS_OFF * 86400,) * 2)
    manager.start()

    runs = [ended_run(manager, label) for label in LABELS]
    assert [run["command"] for run in runs] == ["backup.run", "drill.due"]
    assert runs[0]["exit_code"] == 0
    assert folder_workshop.names()[0].endswith("/costs.db.gz")
    found = agents(folder_workshop, manager)
    assert {label: agent["installed"] for label, agent in found.items()} == dict.fromkeys(LABELS, True)
    assert [found[label]["last_run"] for label in LABELS] == [run["started_time"] for run in runs]

    removed = folder_workshop.invoke("schedule.remove", environment=manager.environment)
    assert removed.returncode == 0
    assert manager.ask("list-timers", "--all", "--no-legend").stdout == ""
    assert not list((manager.home / ".config/systemd/user").glob(f"{LABEL}*"))


def ended_run(manager: UserManager, label: str) -> dict[str, Any]:
    """The record of an agent's run, once it has ended."""
    record = manager.home / f".local/state/pillar9/log/{label}.json"
    deadline = time.monotonic() + _SECONDS
    while True:
        run: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
        if run.get("ended_time"):
            return run
        assert time.monotonic() < deadline, manager.log.read_text()
        time.sleep(0.1)
