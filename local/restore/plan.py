"""Placeholder for the engine's own module, by its interface."""

from __future__ import annotations

from dataclasses import dataclass

from local.restore.facts import LiveFacts


@dataclass(frozen=True)
class CopyFacts:
    """What is known of the copy; None: not recorded."""

    size_bytes: int | None
    page_size: int | None


@dataclass(frozen=True)
class Plan:
    """How the live database would be replaced, or why not."""

    method: str
    refusal: str | None


def decide(facts: LiveFacts, copy: CopyFacts) -> Plan:
    """The plan."""
    return Plan(f"{facts.kind}, {copy.page_size}", None)
