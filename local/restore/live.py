"""Placeholder for the engine's own module, by its interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.errors import InconclusiveError
from local.events import Watch
from local.restore.proven import ProvenCopy


@dataclass(frozen=True)
class LiveRestore:
    """What was done."""

    kept: Path | None
    rolled_back: bool
    why: str | None
    kept_meanwhile: Path | None
    surplus: tuple[Path, ...]
    counts_compared: bool


def restore_live(
    live: Path, copy: ProvenCopy, checks: Callable[[Path], str | None], keep_copies: int, watch: Watch
) -> LiveRestore:
    """The engine's."""
    raise InconclusiveError("restore", f"there is no engine yet ({live}, {copy}, {checks}, {keep_copies}, {watch})")


def roll_back(live: Path, checks: Callable[[Path], str | None], keep_copies: int, watch: Watch) -> LiveRestore:
    """The engine's."""
    raise InconclusiveError("restore", f"there is no engine yet ({live}, {checks}, {keep_copies}, {watch})")
