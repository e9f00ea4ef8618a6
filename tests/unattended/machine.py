"""A machine that runs `invoke` by itself, on a moved clock: real processes, a real store, real receivers of alerts."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from local.store.layout import sidecar_name
from tests.support.fork_server import run_invoke
from tests.support.receivers import HttpReceiver
from tests.support.workshop import Workshop
from tests.unattended import moved_clock
from tests.unattended.story import COUNTRY, ZONE, ClosedLid, Story

HOST = "ANVIL"
NAMES = ("costs", "hivemind")
_LOOK_SECONDS = 0.005
_MOST_SECONDS = 120.0


class Reach(Protocol):
    """The way to a real store, which can be cut, and to the bytes in it."""

    def cut(self, *, network: bool) -> None:
        """From here on nothing reaches the store: it is gone, or the network is."""
        ...

    def mend(self) -> None:
        """As before."""
        ...

    def overwrite(self, name: str, content: bytes) -> None:
        """Other bytes in the place of a blob's, with its metadata."""
        ...


@dataclass
class Machine:
    """Its installation, its clock, its way to the store, and who hears its alerts."""

    workshop: Workshop
    receiver: HttpReceiver
    story: Story
    reach: Reach
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        root, story = self.workshop.root, self.story
        for name in NAMES:
            self.workshop.add(name, rows={"tasks": 1000})
        for key, path in (
            ("urls", "json://{}/messages"),
            ("ping", "http://{}/backup"),
            ("drill_ping", "http://{}/drill"),
        ):
            secret = root / key
            secret.write_text(path.format(self.receiver.address))
            secret.chmod(0o600)
        self.workshop.more = {
            "alerts": {f"{key}_file": str(root / key) for key in ("urls", "ping", "drill_ping")},
            "schedule": {"drill": {"command": "drill.local", "country": COUNTRY}},
            "drill": {"host": HOST, "max_age_days": story.max_age_days},
            "backup": {"max_age_hours": story.every_minutes / 60 + 1, "max_unchanged_days": story.max_unchanged_days},
            "retention": dict(story.retention),
        }
        moved_clock.write_offset(self._clock, 0)
        self.environment = {"MOVED_CLOCK": str(self._clock), "TZ": ZONE, "LID_CLOSED": str(root / "lid")}

    @property
    def _clock(self) -> Path:
        return self.workshop.root / "clock"

    def set_clock(self, moment: datetime) -> None:
        """It is `moment` from here on, also for a process that is under way."""
        moved_clock.write_offset(self._clock, (moment - datetime.now(UTC)).total_seconds())

    def run(self, moment: datetime, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The finished process of `invoke …` at that moment."""
        self.set_clock(moment)
        command = ("-f", str(self.workshop.root / "config.json"), *arguments)
        return run_invoke(*command, environment={**self.environment, **more}, program=moved_clock.PROGRAM)

    def run_under(self, lid: ClosedLid) -> subprocess.CompletedProcess[str]:
        """A backup in whose middle the lid is closed, and opened again or never."""
        closed = Path(self.environment["LID_CLOSED"])
        closed.unlink(missing_ok=True)
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(self.run, lid.span.start, "backup", LID_CLOSES_AT=str(lid.at_ask))
            deadline = time.monotonic() + _MOST_SECONDS
            while not (stopped := _stopped(closed)) and not run.done():
                assert time.monotonic() < deadline
                time.sleep(_LOOK_SECONDS)
            assert stopped, f"it never asked for the time {lid.at_ask} times: {run.result()}"
            self.set_clock(lid.span.end)
            os.kill(stopped, signal.SIGKILL if lid.killed else signal.SIGCONT)
            return run.result()

    def write(self, name: str, note: str) -> None:
        """An application writes a row."""
        with closing(sqlite3.connect(self.workshop.root / f"{name}.db")) as connection, connection:
            connection.execute("INSERT INTO tasks (title) VALUES (?)", (note,))

    def damage(self, name: str) -> str:
        """Change a byte in the middle of a database's newest archive where it lies in the store; its name there."""
        store = self.workshop.store
        own = [point for point in self.workshop.repository.points() if point.name == name]
        entry = max(own, key=lambda point: point.taken).entry
        content = store.read(entry.name)
        assert content
        assert store.read(sidecar_name(entry.name))
        middle = len(content) // 2
        damaged = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        self.reach.overwrite(entry.name, damaged)
        return entry.name

    def drills(self) -> list[dict[str, Any]]:
        """Every drill record in the store, the oldest first."""
        store = self.workshop.store
        found = [json.loads(store.read(entry.name) or b"") for entry in store.entries("drills")]
        return sorted(found, key=lambda record: record["drill"]["started"])


def _stopped(closed: Path) -> int:
    """The process that has stopped itself; 0 where none has yet."""
    try:
        process = int(closed.read_text())
    except (FileNotFoundError, ValueError):
        return 0
    state = subprocess.run(["ps", "-o", "state=", "-p", str(process)], capture_output=True, text=True).stdout
    return process if state.strip().startswith("T") else 0
