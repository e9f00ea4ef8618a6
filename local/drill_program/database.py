"""The drill of a database: SQLite finds it sound, it holds the rows recorded, and the application's claims hold."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from local.drill_program.backup_drill import BackupDrill, DrillFindings
from local.drill_program.checks import CheckRunner, judge_checks
from local.drill_program.comparison import ExpectedContent, compare_rows, unrecorded_tables
from local.drill_program.order import DatabaseOrder
from local.drill_program.restored_file import RestoredContent
from local.drill_program.steps import integrity, open_restored, rows
from local.drill_program.work import Work


@dataclass
class DatabaseFindings(DrillFindings):
    """What the steps found of a database."""

    checks: dict[str, bool | None] | None = None


class DatabaseDrill(BackupDrill[DatabaseOrder]):
    """Carries out the five steps on one database."""

    found: DatabaseFindings

    def __init__(self, work: Work[DatabaseOrder]) -> None:
        super().__init__(work)
        self.found = DatabaseFindings()
        self.unrecorded: list[str] = []

    def result(self, brief: bool) -> dict[str, Any]:
        """All that was found, and the tables of which nothing is recorded."""
        return {**super().result(brief), "unrecorded": self.unrecorded}

    def expected(self) -> dict[str, Any]:
        """What the findings are where all is as ordered."""
        order = self.work.order
        checks = dict.fromkeys(order.checks, True)
        return {**super().expected(), "rows": order.tables, "recorded": order.tables, "checks": checks}

    def integrity(self, _: DatabaseOrder, restored: RestoredContent) -> None:
        """SQLite's full integrity_check."""
        self.connection = open_restored(self.work.path, self.work.stop)
        self.notes["integrity"] = integrity(self.connection, restored.size_bytes, self.work.stop)

    def rows(self, order: DatabaseOrder) -> None:
        """Each table's count as recorded and no less than its floor, the schema as recorded, and each check true."""
        assert self.connection
        content = rows(self.connection, self.work.stop)
        self.found.rows = content.tables.rows
        self.found.recorded = None if order.tables is None else dict(order.tables)
        self.unrecorded = unrecorded_tables(content.tables, order.tables)
        self.notes["rows"] = compare_rows(ExpectedContent(order.schema, order.tables, order.minimum), content)
        self._judge_claims(order, self.connection)

    def _judge_claims(self, order: DatabaseOrder, connection: sqlite3.Connection) -> None:
        stop = self.work.stop
        answers = CheckRunner(connection, order.backup_time, order.check_seconds, stop).run(order.checks)
        if answers.hung:
            self.connection = None
        stop.check()
        self.found.checks = {name: answer.holds for name, answer in answers.by_name.items()}
        judge_checks(answers.by_name)
