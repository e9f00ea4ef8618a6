"""What the drill tells when it has ended: the versions that drilled, and what was found of each backup."""

from __future__ import annotations

import json
import platform
import sqlite3
from typing import Any

from local.drill_program.answer import packed, send_answer
from local.drill_program.order import DrillOrder


def print_result(order: DrillOrder, results: list[dict[str, Any]]) -> None:
    """Send the results of the databases and then of the volumes, in the order's order, as this program's answer."""
    databases, volumes = results[: len(order.databases)], results[len(order.databases) :]
    versions = {"sqlite": sqlite3.sqlite_version, "python": platform.python_version()}
    found = {**versions, "databases": databases, "volumes": volumes}
    payload = packed(json.dumps(found, separators=(",", ":")).encode())
    send_answer(order.nonce, payload, order.line_characters)
