"""How the result leaves the machine: as the last line of stdout, or line by line where its reader has little room."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import sqlite3
import zlib
from pathlib import Path
from typing import Any

from local.drill_program.order import DrillOrder, FetchOrder
from local.drill_program.temporary import RESULT_PREFIX, temporary_roots


def result_lines(nonce: str, payload: str, line_characters: int | None) -> list[str]:
    """The lines, each of one part of `payload` and of at most `line_characters`, the end of the line included."""
    digest = hashlib.sha256(payload.encode()).hexdigest()
    size = len(payload)
    if line_characters is not None:
        size = max(1, line_characters - len(f"PILLAR9 {nonce} 9999/9999 {digest} \n"))
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    return [f"PILLAR9 {nonce} {part}/{len(pieces)} {digest} {piece}" for part, piece in enumerate(pieces, 1)]


def print_result(order: DrillOrder, databases: list[dict[str, Any]]) -> None:
    """Print the first line of the result; where it takes more than one, the result is kept for `print_part`."""
    found = {"sqlite": sqlite3.sqlite_version, "python": platform.python_version(), "databases": databases}
    packed = zlib.compress(json.dumps(found, separators=(",", ":")).encode(), 9)
    payload = base64.b85encode(packed).decode()
    lines = result_lines(order.nonce, payload, order.line_characters)
    if len(lines) > 1:
        path = Path(temporary_roots()[0], RESULT_PREFIX + order.nonce)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(payload)
    print(lines[0], flush=True)


def print_part(order: FetchOrder) -> bool:
    """Print a later line of a result that was kept, and remove the result after the last; False if there is none."""
    for root in temporary_roots():
        path = Path(root, RESULT_PREFIX + order.nonce)
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:  # noqa: PTH123
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    continue
                payload = file.read()
        except FileNotFoundError:
            continue
        print(result_lines(order.nonce, payload, order.line_characters)[order.part - 1], flush=True)
        if order.last:
            path.unlink()
        return True
    return False
