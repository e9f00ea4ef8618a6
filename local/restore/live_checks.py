"""What must hold of a live database after a restore: the full integrity_check, the floors, and the probe's word."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.steps import integrity
from local.drill_program.tables import floors, row_counts
from local.drill_program.work import Stop
from local.restore.probe import run_probe
from local.restore.result import ProbeResult
from local.settings import Database

_WAIT_SECONDS = 30.0


def database_problem(path: Path, minimum: Mapping[str, int]) -> str | None:
    """Why the database is not as it must be, by the full integrity_check and the least rows by table; None if it is.

    It may be open elsewhere and written to meanwhile: it is read as of one moment.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS)) as connection:
            connection.isolation_level = None
            connection.execute("PRAGMA query_only=on")
            connection.execute("BEGIN")
            integrity(connection, path.stat().st_size, Stop())
            counted = row_counts(connection)
    except (BackupWrongError, NotCarriedOutError) as error:
        return f"integrity_check: {error}"
    except (sqlite3.Error, OSError) as error:
        return f"it cannot be read: {error}"
    return floor_problem(counted, minimum)


def floor_problem(counted: Mapping[str, int], minimum: Mapping[str, int]) -> str | None:
    """Which tables have fewer rows than are required; None where none has."""
    least = floors(minimum, counted)
    missing = [f"{name} has {counted.get(name, 'no')} rows, {n} are required" for name, n in least.items()]
    wrong = [text for text, (name, n) in zip(missing, least.items(), strict=True) if counted.get(name, -1) < n]
    return "; ".join(wrong) or None


@dataclass
class LiveChecks:
    """The checks of one live restore, which the engine calls; `probed` keeps what the probe said the first time."""

    database: Database
    probe_seconds: float
    probed: ProbeResult | None = field(default=None, init=False)

    def of_restored(self, path: Path) -> str | None:
        """Why the restored database must not stay; None where nothing speaks against it."""
        return database_problem(path, self.database.rows) or self.of_former(path)

    def of_former(self, _path: Path) -> str | None:
        """Why the application does not agree; the former database is what it was, so no floors are asked of it."""
        if self.database.probe is None:
            return None
        found = run_probe(self.database.probe, self.probe_seconds)
        self.probed = self.probed or found
        return None if found.passed else f"the probe failed: {found.reason}"
