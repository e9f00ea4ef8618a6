"""Placeholder for the engine's own module, by its interface."""

from __future__ import annotations

from local.restore.live import roll_back

__all__ = ["roll_back"]
