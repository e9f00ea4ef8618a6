"""Why nothing of a database may go now, whatever the rules say: what would be kept is not known to be proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from local.store.interface import Store
from local.watch import records
from local.watch.facts import DatabaseFacts
from local.watch.history import days_of
from local.watch.status import has_failed, is_overdue


@dataclass(frozen=True)
class Silence:
    """Days without any drill between two days that have one, longer than a proof may be old; `until` is its end."""

    last: date
    next: date
    until: date


@dataclass(frozen=True)
class Holds:
    """What is looked at for each database: how old its proof may be, and whether drills have been silent lately."""

    now: datetime
    max_age_days: float
    silence: Silence | None

    @classmethod
    def of(cls, store: Store, now: datetime, max_age_days: float) -> Holds:
        """What the store's days of drills tell; raises what the store raises."""
        return cls(now, max_age_days, find_silence(days_of(store, records.FOLDER, now), now, max_age_days))

    def hold(self, found: DatabaseFacts) -> str | None:
        """Why nothing of it may go, in words; None where the rules decide."""
        if has_failed(found):
            return "nothing is removed while its newest drill failed"
        if is_overdue(found, self.now, self.max_age_days):
            return f"nothing is removed while its drill is overdue: invoke drill.local --only {found.name}"
        if self.silence:
            between = f"no drill is recorded between {self.silence.last} and {self.silence.next}"
            asked = "was the machine off, or is its clock wrong? date -u"
            return f"nothing is removed until {self.silence.until}: {between} ({asked})"
        return None


def find_silence(days: Sequence[date], now: datetime, max_age_days: float) -> Silence | None:
    """The silence before the drills of the last `max_age_days`; None where these follow on former ones, or are the
    first. `days` are the newest first.

    Where a clock jumps far ahead, what is drilled then is all that counts as proven, and nothing of it will once the
    clock is right again; drill records are never pruned, so they show the jump.
    """
    length = timedelta(days=max_age_days)
    lately = [day for day in days if now.date() - day <= length]
    before = days[len(lately) :]
    if not lately or not before or lately[-1] - before[0] <= length:
        return None
    return Silence(before[0], lately[-1], lately[-1] + length)
