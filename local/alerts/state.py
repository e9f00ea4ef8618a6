"""What is to be told: the former standings and what was seen now. One alert a change of state, not one a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

# `attempt` is whether a drill came to a verdict at all: an inconclusive one leaves `drill` as it was.
Kind = Literal["backup", "drill", "attempt", "age", "unchanged", "proof"]


class Observation(msgspec.Struct, frozen=True):
    """What was seen of one database: whether it is wrong in this respect, when that was so, and what mends it."""

    name: str
    kind: Kind
    is_wrong: bool
    seen: datetime
    detail: str = ""
    mend: str = ""

    @property
    def key(self) -> str:
        """By which its standing is remembered."""
        return f"{self.kind} {self.name}"


class Standing(msgspec.Struct, frozen=True):
    """How something stands, since when, and whether that was told; `wrong_since` is what it has recovered from.

    `was_told` is whether that former trouble was told at its time.
    """

    is_wrong: bool
    since: datetime
    is_told: bool
    wrong_since: datetime | None = None
    was_told: bool = True


class Change(msgspec.Struct, frozen=True):
    """An outcome that is to be told, and the standing that it made."""

    outcome: Observation
    standing: Standing


Standings = Mapping[str, Standing]


def advance(former: Standings, outcomes: Iterable[Observation], now: datetime) -> dict[str, Standing]:
    """The standings after these outcomes; what is new in them is not told yet.

    Those of other databases stay: another configuration may back them up into the same store.
    """
    standings = dict(former)
    for outcome in outcomes:
        standings[outcome.key] = _next(standings.get(outcome.key), outcome, now)
    return standings


def untold(standings: Standings, outcomes: Iterable[Observation]) -> tuple[Change, ...]:
    """What is to be told: each of these outcomes whose standing nobody has been told of, once."""
    changes = {
        outcome.key: Change(outcome, standings[outcome.key])
        for outcome in outcomes
        if not standings[outcome.key].is_told and standings[outcome.key].is_wrong == outcome.is_wrong
    }
    return tuple(changes.values())


def told(standings: Standings, changes: Iterable[Change]) -> dict[str, Standing]:
    """The standings once these changes have reached somebody."""
    reached = {change.outcome.key for change in changes}
    return {
        key: msgspec.structs.replace(standing, is_told=True) if key in reached else standing
        for key, standing in standings.items()
    }


def _next(former: Standing | None, outcome: Observation, now: datetime) -> Standing:
    if former is None:
        return Standing(outcome.is_wrong, outcome.seen, is_told=not outcome.is_wrong)
    # What was seen before the standing began says nothing of it; one that begins in the future is a wrong clock's.
    if outcome.is_wrong == former.is_wrong or outcome.seen < former.since <= now:
        return former
    if outcome.is_wrong:
        return Standing(True, outcome.seen, is_told=False)
    return Standing(False, outcome.seen, False, wrong_since=former.since, was_told=former.is_told)
