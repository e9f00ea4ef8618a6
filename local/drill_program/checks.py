"""The application's own claims about its data: one SELECT each, whose first value is true.

They run last, on the connection that has counted the tables, since a virtual table that declares itself under the
authorizer may need more than reading. The authorizer stays: on Python 3.8 taking it off denies everything.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from local.drill_program.check_statement import ReadingOnly, single_statement
from local.drill_program.errors import BackupWrongError, NotCarriedOutError, first_few
from local.drill_program.work import Stop

CHECK_HEAP_BYTES = 256 << 20
# SQLite asks nobody within one call of a function: after so many times its seconds a check is left alone with it.
OVERTIME_FACTOR = 1.1
STEPS_BETWEEN_QUESTIONS = 10_000  # of SQLite's virtual machine: under a millisecond


@dataclass(frozen=True)
class CheckAnswer:
    """Whether a check holds, None where that is not known; and why it does not, for a person."""

    holds: bool | None
    why: str = ""


@dataclass(frozen=True)
class CheckAnswers:
    """The answers by check; `hung` where SQLite is still busy with one: its connection must not even be closed."""

    by_name: Mapping[str, CheckAnswer]
    hung: bool


class CheckRunner:
    """Evaluates checks on a connection, for at most `seconds` each; the connection only reads from then on.

    `backup_time` is RFC 3339 in UTC, None where it is not known.
    """

    def __init__(self, connection: sqlite3.Connection, backup_time: str | None, seconds: float, stop: Stop) -> None:
        self.connection, self.seconds, self.stop = connection, seconds, stop
        self.parameters = {} if backup_time is None else {"backup_time": backup_time[:19].replace("T", " ")}
        self.authorizer = ReadingOnly()
        self.deadline = 0.0

    def run(self, checks: Mapping[str, str]) -> CheckAnswers:
        """The answer to each of `checks`, which are SQL by name, in their order."""
        answers: queue.SimpleQueue[CheckAnswer] = queue.SimpleQueue()
        if checks:
            self._confine()
        threading.Thread(target=self._answer_all, args=(list(checks.values()), answers), daemon=True).start()
        found: dict[str, CheckAnswer] = {}
        with contextlib.suppress(queue.Empty):
            for name in checks:
                found[name] = answers.get(timeout=self.seconds * OVERTIME_FACTOR)
        unanswered = [name for name in checks if name not in found]
        for name in unanswered:
            found[name] = CheckAnswer(None, f"not evaluated, as {unanswered[0]!r} took too long")
        if unanswered:
            found[unanswered[0]] = self._too_long()
        return CheckAnswers(found, hung=bool(unanswered))

    def _answer_all(self, statements: list[str], answers: queue.SimpleQueue[CheckAnswer]) -> None:
        for sql in statements:
            answers.put(self._answer(sql))

    def _confine(self) -> None:
        """Reading only, little memory, no extension; as each is for good, nothing else may follow on the connection."""
        self.connection.execute(f"PRAGMA hard_heap_limit={CHECK_HEAP_BYTES}")  # the whole process's; SQLite 3.31
        self.connection.execute("PRAGMA query_only=on")
        self.connection.set_progress_handler(self._is_over, STEPS_BETWEEN_QUESTIONS)
        self.connection.set_authorizer(self.authorizer)

    def _is_over(self) -> bool:
        return self.stop.is_set() or time.monotonic() > self.deadline

    def _answer(self, sql: str) -> CheckAnswer:
        self.deadline = time.monotonic() + self.seconds
        self.authorizer.refused.clear()
        try:
            answer = self._evaluate(single_statement(sql))
        except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError) as error:
            answer = CheckAnswer(None, self._trouble(error))
        if self.stop.is_set():
            return CheckAnswer(None, self.stop.reason)
        return self._too_long() if time.monotonic() > self.deadline else answer

    def _evaluate(self, statement: str) -> CheckAnswer:
        with contextlib.closing(self.connection.execute(statement, self.parameters)) as cursor:
            row = cursor.fetchone()
        if row is None:
            return CheckAnswer(False, "it gives no row")
        if row[0] is None:
            return CheckAnswer(False, "it is null")
        (holds,) = self.connection.execute("SELECT CASE WHEN ? THEN 1 ELSE 0 END", (row[0],)).fetchone()
        return CheckAnswer(True) if holds else CheckAnswer(False, "it is false")

    def _trouble(self, error: Exception) -> str:
        if self.authorizer.refused:
            return f"a check only reads the database, and this is refused: {self.authorizer.refused[0]}"
        if isinstance(error, MemoryError):
            return f"it takes more than {CHECK_HEAP_BYTES >> 20} MB of memory"
        if isinstance(error, ValueError):
            return str(error)
        if isinstance(error, sqlite3.ProgrammingError) and not self.parameters:
            return f"the snapshot's time is not known: {error}"
        return f"SQLite {sqlite3.sqlite_version} here says: {error}"

    def _too_long(self) -> CheckAnswer:
        return CheckAnswer(None, f"it takes longer than {self.seconds:g} s")


def judge_checks(answers: Mapping[str, CheckAnswer]) -> None:
    """Raise BackupWrongError where a check does not hold, else NotCarriedOutError where that is not known of one."""
    wrong = [told_of(name, answer) for name, answer in answers.items() if answer.holds is False]
    if wrong:
        raise BackupWrongError(first_few(wrong))
    unknown = [told_of(name, answer) for name, answer in answers.items() if answer.holds is None]
    if unknown:
        raise NotCarriedOutError(first_few(unknown))


def told_of(name: str, answer: CheckAnswer) -> str:
    """What became of a check, for a person."""
    outcome = "could not be evaluated" if answer.holds is None else "holds" if answer.holds else "does not hold"
    return f"check {name!r} {outcome}{answer.why and ': ' + answer.why}"
