"""The program that evaluates checks on a database: a process of its own, so that whatever a check does ends with it.

It reads its order from stdin and prints an answer for each check, as JSON.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import sys
from typing import Any

from local.drill_program.checks import CheckAnswer, CheckAnswers, CheckRunner
from local.drill_program.distrust import confine
from local.drill_program.order import CHECK_SECONDS
from local.drill_program.tables import count_tables
from local.drill_program.work import Stop

WAIT_SECONDS = 30.0


def answers(order: dict[str, Any]) -> CheckAnswers:
    """The answers to the order's `checks` on the database at its `uri`, as a drill would come to them.

    Nothing is written, and a live database's -wal and -shm do not outlive it: the connection is closed.
    """
    connection = sqlite3.connect(
        order["uri"], uri=True, isolation_level=None, check_same_thread=False, timeout=WAIT_SECONDS
    )
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
    found = _on(connection, order)
    if not found.hung:
        connection.close()
    return found


def _on(connection: sqlite3.Connection, order: dict[str, Any]) -> CheckAnswers:
    try:
        confine(connection)
        count_tables(connection)
    except sqlite3.Error as error:
        why = f"SQLite {sqlite3.sqlite_version} here cannot count the tables: {error}"
        return CheckAnswers(dict.fromkeys(order["checks"], CheckAnswer(None, why)), hung=False)
    return CheckRunner(connection, order["backup_time"], CHECK_SECONDS, Stop()).run(order["checks"])


if __name__ == "__main__":
    found = answers(json.load(sys.stdin)).by_name
    print(json.dumps([[answer.holds, answer.why] for answer in found.values()]), flush=True)
    os._exit(0)  # a check that hangs is not waited for
