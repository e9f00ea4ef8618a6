"""Times of day on the clock on the wall, as minutes since midnight, and which of them comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

DAY_MINUTES = 24 * 60
HOUR_MINUTES = 60


def times_of(every_minutes: int) -> tuple[int, ...]:
    """Every so many minutes from midnight on; the same times each day, since it is a divisor of the day."""
    return tuple(range(0, DAY_MINUTES, every_minutes))


def is_each_hour(times: Sequence[int]) -> bool:
    """Whether every hour has the same minutes."""
    minutes = {each % HOUR_MINUTES for each in times}
    return len(times) == 24 * len(minutes)


def next_time(times: Sequence[int], now: datetime) -> datetime:
    """The first of these times after `now`, in the zone of this machine.

    A time that summer time skips comes when the clock would have shown it.
    """
    here = now.astimezone()
    days = (here.date() + timedelta(days=ahead) for ahead in (0, 1, 2))
    moments = (_moment(day, each) for day in days for each in sorted(times))
    return next(moment for moment in moments if moment > here)


def _moment(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time(*divmod(minutes, HOUR_MINUTES))).astimezone()
