"""The program that evaluates checks on a snapshot: a process of its own, so that whatever a check does ends with it.

It reads its order from stdin and prints an answer for each check, as JSON.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from local.drill_program.checks import CheckAnswer, CheckAnswers, CheckRunner
from local.drill_program.order import CHECK_SECONDS
from local.drill_program.tables import count_tables
from local.drill_program.work import Stop


def answers(order: dict[str, Any]) -> CheckAnswers:
    """The answers to the order's `checks` on its `snapshot`, as a drill would come to them; nothing is written."""
    uri = f"{Path(order['snapshot']).as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
    try:
        count_tables(connection)
    except sqlite3.Error as error:
        why = f"SQLite {sqlite3.sqlite_version} here cannot count the tables: {error}"
        return CheckAnswers(dict.fromkeys(order["checks"], CheckAnswer(None, why)), hung=False)
    return CheckRunner(connection, order["backup_time"], CHECK_SECONDS, Stop()).run(order["checks"])


if __name__ == "__main__":
    found = answers(json.load(sys.stdin)).by_name
    print(json.dumps([[answer.holds, answer.why] for answer in found.values()]), flush=True)
    os._exit(0)  # a check that hangs is not waited for
