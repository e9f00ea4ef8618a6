"""Placeholder for the engine's own module, by its interface."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["database", "missing", "empty", "not a database", "corrupt"]


@dataclass(frozen=True)
class LiveFacts:
    """What stands at a live path; sizes in bytes."""

    path: Path
    kind: Kind
    holders: tuple[str, ...]
    free_bytes: int
    size_bytes: int
    page_size: int | None
    journal_mode: str | None


def look(live: Path) -> LiveFacts:
    """What stands there now."""
    size = live.stat().st_size if live.exists() else 0
    kind: Kind = "database" if size else "empty" if live.exists() else "missing"
    return LiveFacts(live, kind, (), shutil.disk_usage(live.parent).free, size, None, None)
