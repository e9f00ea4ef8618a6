"""The drills of this month, as the store's records tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from local.schedule.due import DrillAttempt
from local.store.interface import Store
from local.watch import records


@dataclass(frozen=True)
class MonthFacts:
    """What was drilled this month, and what is wrong with records that cannot be used, in words."""

    today: date
    attempts: tuple[DrillAttempt, ...]
    troubles: tuple[str, ...]


def gather(store: Store, names: Sequence[str], now: datetime) -> MonthFacts:
    """The month's drills, from the newest day back until each of these has a verdict; raises what the store raises.

    Records stand under UTC days, and the month is this machine's, so a day on either side of it is looked at too.
    """
    today = now.astimezone().date()
    first = today.replace(day=1) - timedelta(days=1)
    last = today + timedelta(days=1)
    stored = set(store.folders(records.FOLDER))
    attempts: list[DrillAttempt] = []
    troubles: list[str] = []
    for day in (last - timedelta(days=back) for back in range((last - first).days + 1)):
        if day.isoformat() not in stored:
            continue
        read = records.read_day(store, day, now)
        troubles += read.troubles
        attempts += [DrillAttempt(each.name, each.started.astimezone().date(), each.verdict) for each in read.results]
        if _have_verdicts(names, attempts, today):
            break
    return MonthFacts(today, tuple(attempts), tuple(troubles))


def _have_verdicts(names: Sequence[str], attempts: Sequence[DrillAttempt], today: date) -> bool:
    own = [each for each in attempts if (each.day.year, each.day.month) == (today.year, today.month)]
    return {each.name for each in own if each.verdict != "inconclusive"}.issuperset(names)
