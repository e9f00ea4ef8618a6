"""A configured installation in a folder of its own: databases, a store, and `invoke` as a user runs it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.open import open_repository, open_store
from local.store.repository import Repository
from tests.support.fork_server import CHECKOUT as CHECKOUT
from tests.support.fork_server import run_invoke


@dataclass
class Workshop:
    """`invoke(...)` runs a whole process with this installation's configuration, and none of the developer's own."""

    root: Path
    store_settings: StoreSettings
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, path: Path | None = None, rows: Mapping[str, int] | None = None) -> Path:
        """Configure a database; without a path one of 1,000 rows is made."""
        if path is None:
            path = self.root / f"{name}.db"
            make_database(path)
        self.databases[name] = {"name": name, "path": str(path), "rows": dict(rows or {})}
        return path

    def invoke(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The finished process of `invoke -f CONFIG …`."""
        return run_invoke("-f", str(self.configuration()), *arguments, environment=environment)

    def command(self, *arguments: str) -> list[str]:
        """The command line of such a process."""
        return [sys.executable, "-m", "invoke", "-f", str(self.configuration()), *arguments]

    def configuration(self) -> Path:
        """The file of this installation's configuration, as it is now."""
        config = {
            "store": {"url": self.store_settings.url, "prefix": self.store_settings.prefix},
            "databases": list(self.databases.values()),
            **self.more,
        }
        path = self.root / "config.json"
        path.write_text(json.dumps(config))
        return path

    def document(self, *arguments: str) -> Any:
        """What `--json` prints."""
        return json.loads(self.invoke(*arguments, "--json").stdout)

    @property
    def store(self) -> Store:
        """The store, to look into it or to damage it."""
        return open_store(self.store_settings, AzureSettings())

    @property
    def repository(self) -> Repository:
        """The backups in it."""
        return open_repository(self.store_settings, AzureSettings())

    def names(self) -> list[str]:
        """The current blobs, sorted, without the folder store's own metadata files."""
        return sorted(entry.name for entry in self.store.entries("sqlite") if entry.version is None)


def make_database(path: Path, rows: int = 1000) -> None:
    """A WAL database with two tables and an index."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
        connection.execute("CREATE TABLE empty (id INTEGER)")
        connection.execute("CREATE INDEX tasks_by_title ON tasks (title)")
        connection.executemany("INSERT INTO tasks (title) VALUES (?)", ((f"task {number}",) for number in range(rows)))
