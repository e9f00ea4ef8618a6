"""Counts the faults and inputs that the tests try, for the table in docs/reliability.md."""

from __future__ import annotations

import json
import os
from pathlib import Path


def count(area: str, fault: str, tried: int = 1, lost: int = 0) -> None:
    """Append a line to the file that PILLAR9_TALLY names; nothing where it names none."""
    path = os.environ.get("PILLAR9_TALLY")
    if not path:
        return
    line = json.dumps({"area": area, "fault": fault, "tried": tried, "lost": lost}) + "\n"
    with Path(path).open("a") as file:
        file.write(line)
