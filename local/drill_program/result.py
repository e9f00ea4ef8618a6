"""What the drill tells when it has ended: the versions that drilled, and what was found of each database."""

from __future__ import annotations

import json
import platform
import sqlite3
from typing import Any

from local.drill_program.answer import packed, send_answer
from local.drill_program.order import DrillOrder


def print_result(order: DrillOrder, databases: list[dict[str, Any]]) -> None:
    """Send the result as this program's answer."""
    found = {"sqlite": sqlite3.sqlite_version, "python": platform.python_version(), "databases": databases}
    payload = packed(json.dumps(found, separators=(",", ":")).encode())
    send_answer(order.nonce, payload, order.line_characters)
