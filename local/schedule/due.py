"""Whether this month's drill is due and not yet done: a decision from the calendar and from what was drilled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from local.report import Verdict

_SATURDAY = 5


@dataclass(frozen=True)
class DrillAttempt:
    """One drill of one database or volume; `day` is the day on which it began, on this machine's calendar."""

    name: str
    day: date
    verdict: Verdict


@dataclass(frozen=True)
class DueDecision:
    """Of what the month's drill is due now, in configured order, and why (not); `due_day` is its day."""

    due_day: date
    names: tuple[str, ...]
    reason: str

    @property
    def due(self) -> bool:
        """Whether anything is to be drilled."""
        return bool(self.names)


def decide(names: Sequence[str], today: date, attempts: Iterable[DrillAttempt], country: str | None) -> DueDecision:
    """A month's drill of each name is due from the first business day on, until one passed or failed in that month.

    It may have been done before that day, by anybody, anywhere. An inconclusive one proved nothing, so it stays due.
    """
    due_day = first_business_day(today.year, today.month, country)
    own = [each for each in attempts if (each.day.year, each.day.month) == (today.year, today.month)]
    done = {each.name for each in own if each.verdict != "inconclusive"}
    left = tuple(name for name in names if name not in done)
    if not left:
        return DueDecision(due_day, (), f"everything was drilled in {today:%Y-%m}")
    if today < due_day:
        return DueDecision(due_day, (), f"not before {due_day:%A} {due_day}, {_why(country)}")
    return DueDecision(due_day, left, _overdue(left, due_day, own, country))


def first_business_day(year: int, month: int, country: str | None) -> date:
    """The first day of a month on which people work there: no weekend of that country's, no public holiday.

    Without a country the first day that is neither Saturday nor Sunday.
    """
    day = date(year, month, 1)
    if country is None:
        return next(each for each in _days_from(day) if each.weekday() < _SATURDAY)
    import holidays

    calendar = holidays.country_holidays(country, years=year)
    return next(each for each in _days_from(day) if calendar.is_working_day(each))


def _days_from(day: date) -> Iterable[date]:
    # No calendar has a month without a working day; without this bound a broken one would make it the next month's.
    return (day + timedelta(days=ahead) for ahead in range(28))


def _overdue(left: Sequence[str], due_day: date, own: Sequence[DrillAttempt], country: str | None) -> str:
    since = f"due since {due_day:%A} {due_day}, {_why(country)}; not drilled in {due_day:%Y-%m}: {', '.join(left)}"
    open_days = [each.day for each in own if each.verdict == "inconclusive" and each.name in left]
    return f"{since} (the one of {max(open_days)} was inconclusive)" if open_days else since


def _why(country: str | None) -> str:
    return f"the month's first business day ({country or 'weekends only'})"
