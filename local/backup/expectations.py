"""What the configuration expects of a database, told where its snapshot is not so: a drill of it would not pass.

So a wrong floor or check is found at the next backup, and not at the month's drill. The backup passes all the same.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from local import clock
from local.drill_program.checks import CheckAnswer, told_of
from local.drill_program.comparison import told_rows
from local.drill_program.tables import floors
from local.interrupt import if_abandoned
from local.settings import Database

_ROOT = Path(__file__).parents[2]
_PASSED_ON = ("LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SQLITE_TMPDIR", "TMPDIR")
_WAIT_SECONDS = 0.2
_FAILS = "a drill of this backup will fail because of it"


def floor_warnings(minimum: Mapping[str, int], rows: Mapping[str, int]) -> list[str]:
    """The floors that a snapshot with these rows by table does not meet, for a person."""
    warnings = []
    for name, least in floors(minimum, rows).items():
        if name not in rows:
            close = difflib.get_close_matches(name, rows, n=1)
            near = f" (did you mean {close[0]!r}?)" if close else ""
            warnings.append(f"rows: it has no table {name!r} that can be counted{near}; {_FAILS}")
        elif rows[name] < least:
            warnings.append(f"rows: table {name!r} has {told_rows(rows[name])}, its floor is {least}; {_FAILS}")
    return warnings


def check_warnings(answers: Mapping[str, CheckAnswer]) -> list[str]:
    """The checks that do not hold on a snapshot, or of which that is not known, for a person."""
    meaning = {False: _FAILS, None: "a drill of this backup is inconclusive where SQLite says the same"}
    return [f"{told_of(name, answer)}; {meaning[answer.holds]}" for name, answer in answers.items() if not answer.holds]


class CheckProcess:
    """Checks that are being evaluated on a database, which must stay there until it is known what they say."""

    def __init__(self, checks: Mapping[str, str], uri: str, backup_time: str | None) -> None:
        self.checks = checks
        self.output = self.errors = ""
        # A file: `communicate` that is asked again after a time-out writes no more of what it was given (Python 3.11).
        with tempfile.TemporaryFile("w+") as order:
            json.dump({"uri": uri, "checks": dict(checks), "backup_time": backup_time}, order)
            order.seek(0)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.backup.check_process"],
                stdin=order,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                cwd=_ROOT,
                # No credential goes there.
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                # A terminal sends Ctrl-C to its whole foreground group; this one is ended by us.
                process_group=0,
            )

    def answers(self, go_on: Callable[[], None]) -> dict[str, CheckAnswer]:
        """The answers by check, once they are there; what `go_on` raises meanwhile ends the waiting."""
        while not self.has_ended(_WAIT_SECONDS):
            go_on()
        try:
            return dict(zip(self.checks, [CheckAnswer(*answer) for answer in json.loads(self.output)], strict=True))
        except (ValueError, TypeError):
            why = f"their process ended with {self.process.returncode} {self.errors.strip().rpartition(chr(10))[2]}"
            return dict.fromkeys(self.checks, CheckAnswer(None, why.rstrip()))

    def has_ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        try:
            self.output, self.errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """End it, whatever it is doing."""
        self.process.kill()
        self.process.communicate()


Answers = Callable[[Callable[[], None]], Mapping[str, CheckAnswer]]


@contextmanager
def evaluated(database: Database, snapshot: Path, taken: datetime) -> Iterator[Answers]:
    """`CheckProcess.answers` of the database's checks, which are evaluated meanwhile on its snapshot of `taken`."""
    uri = f"{snapshot.absolute().as_uri()}?mode=ro&immutable=1"
    with evaluated_at(uri, database.checks, clock.timestamp(taken)) as answers:
        yield answers


@contextmanager
def evaluated_at(uri: str, checks: Mapping[str, str], backup_time: str | None) -> Iterator[Answers]:
    """The same of checks on the database that SQLite opens by this URI."""
    if not checks:
        yield lambda _: {}
        return
    try:
        process = CheckProcess(checks, uri, backup_time)
    except OSError as error:
        unknown = CheckAnswer(None, f"no process could be started for it: {error.strerror}")
        yield lambda _: dict.fromkeys(checks, unknown)
        return
    try:
        with if_abandoned(process.process.kill):
            yield process.answers
    finally:
        process.end()
