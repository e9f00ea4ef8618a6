"""A machine whose backups tell which databases they read, and what other programs do to these."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local.backup.run import back_up
from local.events import Event
from local.report import BackedUpDatabase
from local.settings import AzureSettings, Database, StoreSettings
from local.store import catalog
from local.store.open import open_repository
from local.store.repository import Repository
from tests.support.workshop import make_database

REST_SECONDS = 0.05
UNCOUNTED = ("lock", ".pillar9-lock", "config.json")


@dataclass
class Machine:
    """Backups of some databases from one machine, in this process; a file has rested after REST_SECONDS."""

    settings: StoreSettings
    folder: Path
    databases: dict[str, Database] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    before_the_copy: Callable[[], None] = lambda: None

    def add(self, name: str = "costs", **more: Any) -> Path:
        """Another database of 1,000 rows."""
        path = self.folder / f"{name}.db"
        make_database(path)
        self.databases[name] = Database(name=name, path=path, **more)
        return path

    def run(self, **options: Any) -> dict[str, BackedUpDatabase]:
        """What one run says of each database."""

        def watch(event: Event) -> None:
            self.told.append(event.text)
            if event.text.startswith("snapshot of"):
                self.before_the_copy()

        opening = partial(open_repository, self.settings, AzureSettings())
        report = back_up(opening, list(self.databases.values()), self.own, watch, **options)
        assert [one.error for one in report.databases if one.error] == []
        return {one.name: one for one in report.databases}

    def read(self, **options: Any) -> dict[str, bool | None]:
        """Which databases a run reads."""
        return {name: one.read for name, one in self.run(**options).items()}

    def settle(self) -> None:
        """Everything is backed up, and known as it is now."""
        time.sleep(REST_SECONDS)
        self.run()
        assert set(self.read().values()) == {False}

    @property
    def own(self) -> Path:
        return self.folder / "own"

    @property
    def repository(self) -> Repository:
        return open_repository(self.settings, AzureSettings())

    def note(self, name: str = "costs") -> Path:
        """The file in which is remembered what was read."""
        return self.own / "read" / f"{name}.json"


def elsewhere(path: Path, *statements: str) -> None:
    """What another program does, which then ends as if it were killed: it leaves its `-wal`."""
    program = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    program += "for statement in sys.argv[2:]: c.execute(statement).fetchall()\nos._exit(0)"
    subprocess.run([sys.executable, "-c", program, str(path), *statements], check=True)


def execute(path: Path, *statements: str) -> None:
    """What another program does, which then ends as programs do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def executed(statement: str, path: Path) -> None:
    """One statement, for `partial`."""
    execute(path, statement)


def killed_after(statement: str, path: Path) -> None:
    """One statement of a program that is killed behind it, for `partial`."""
    elsewhere(path, statement)


CHANGE = "UPDATE tasks SET title = 'changed' WHERE id = 7"


def content(path: Path) -> list[tuple[int, str]]:
    """All rows."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM tasks").fetchall()


def stored_content(machine: Machine, name: str, target: Path) -> list[tuple[int, str]]:
    """Those that the newest backup brings back by hand."""
    point = catalog.choose(machine.repository.points(), name)
    assert point
    path = machine.repository.store.local_path(point.entry)
    assert path
    target.write_bytes(subprocess.run(["gunzip", "-c", str(path)], capture_output=True, check=True).stdout)
    return content(target)


def tree(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file but the locks and the configuration, with its inode and when it was written."""
    files = (path for folder in folders for path in folder.rglob("*") if path.name not in UNCOUNTED)
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
