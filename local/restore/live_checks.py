"""What is asked of a live database after the engine has verified it: the floors, and the application's own word."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from local.backup.expectations import evaluated_at
from local.drill_program.checks import judge_checks
from local.drill_program.comparison import told_rows
from local.drill_program.distrust import confine
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.tables import floors, row_counts
from local.restore.probe import run_probe
from local.restore.result import ProbeResult
from local.settings import Database

_WAIT_SECONDS = 30.0


def database_problem(path: Path, minimum: Mapping[str, int]) -> str | None:
    """Which tables of a live database have fewer rows than are required, or why it cannot be read; None if all is well.

    It may be open elsewhere and written to meanwhile: it is read as of one moment, through SQLite alone.
    """
    uri = f"{path.as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)) as connection:
            confine(connection)
            connection.execute("PRAGMA query_only=on")
            connection.execute("BEGIN")
            return floor_problem(row_counts(connection), minimum)
    except sqlite3.Error as error:
        return f"the live database cannot be read: {error}"


def floor_problem(counted: Mapping[str, int], minimum: Mapping[str, int]) -> str | None:
    """Which tables have fewer rows than are required; None where none has."""
    least = floors(minimum, counted)
    missing = [f"{name} has {told_rows(counted.get(name, 0))}, its floor is {n}" for name, n in least.items()]
    wrong = [text for text, (name, n) in zip(missing, least.items(), strict=True) if counted.get(name, -1) < n]
    return "; ".join(wrong) or None


def claims_problem(path: Path, checks: Mapping[str, str], backup_time: str | None) -> str | None:
    """Which of the application's checks do not hold of a live database, or cannot be evaluated; None if all hold.

    They are evaluated in a process of its own: one that hangs would keep its lock on the database, and stay in the way
    of its own rollback.
    """
    # Not mode=ro: whoever closes a WAL database last is to remove its -wal and -shm.
    with evaluated_at(f"{path.as_uri()}?mode=rw", checks, backup_time) as answers:
        try:
            judge_checks(answers(lambda: None))
        except (BackupWrongError, NotCarriedOutError) as error:
            return str(error)
    return None


@dataclass
class LiveChecks:
    """The checks of one live restore, which the engine calls; `probed` keeps what the probe said the first time.

    `backup_time` is what the application's checks are told as the snapshot's time, in RFC 3339; None if not known.
    """

    database: Database
    probe_seconds: float
    backup_time: str | None = None
    probed: ProbeResult | None = field(default=None, init=False)

    def of_restored(self, path: Path) -> str | None:
        """Why the restored database must not stay; None where nothing speaks against it."""
        return (
            database_problem(path, self.database.rows)
            or claims_problem(path, self.database.checks, self.backup_time)
            or self.of_former(path)
        )

    def of_former(self, _path: Path) -> str | None:
        """Why the application does not agree; the former database is what it was, so only the probe is asked of it."""
        if self.database.probe is None:
            return None
        found = run_probe(self.database.probe, self.probe_seconds)
        self.probed = self.probed or found
        return None if found.passed else f"the probe failed: {found.reason}"
