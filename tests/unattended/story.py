"""What befalls a machine that nobody looks after: a year of it, and a few weeks with one of each.

The machine stands in Oslo in 2029. New Year's Day and the first of May are holidays there, and so is Easter Monday,
which is the second of April, after a Sunday that is the first. Clocks go forward on 25 March and back on 28 October.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

ZONE = "Europe/Oslo"
COUNTRY = "NO"
_HERE = ZoneInfo(ZONE)
_DRILL_TIME = time(9, 23)
_DAY_MINUTES = 24 * 60

Job = Literal["backup", "drill.due"]


@dataclass(frozen=True)
class Span:
    """From one moment to before another."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True)
class ClosedLid:
    """The machine is suspended in the middle of the backup that begins at `start`, when it asks for the time once more.

    At the end the run goes on, or has been killed, since the battery was empty.
    """

    span: Span
    at_ask: int
    killed: bool


@dataclass(frozen=True)
class Damage:
    """The newest archive of a database is damaged where it lies; at `mended` a person does what the alert said."""

    moment: datetime
    name: str
    mended: datetime


@dataclass(frozen=True)
class Story:
    """All that happens, and the days on which the months' drills have to be done by it.

    `first_up` is which of two missed jobs is started first once the machine is up: no scheduler promises an order.
    """

    first: date
    last: date
    every_minutes: int
    off: tuple[Span, ...]
    network_away: tuple[Span, ...]
    store_away: tuple[Span, ...]
    lids: tuple[ClosedLid, ...]
    damages: tuple[Damage, ...]
    still: Span
    drill_days: tuple[date, ...]
    max_age_days: float
    max_unchanged_days: float
    retention: Mapping[str, float]
    first_up: tuple[Job, Job] = ("backup", "drill.due")

    def scheduled(self) -> Iterator[tuple[datetime, Job]]:
        """Every start of a job as the clock on the wall there shows it, in the order of time."""
        day = self.first
        while day <= self.last:
            starts: list[tuple[datetime, Job]] = [
                (_utc(datetime.combine(day, time(*divmod(minutes, 60)))), "backup")
                for minutes in range(0, _DAY_MINUTES, self.every_minutes)
            ]
            yield from sorted([*starts, (_utc(datetime.combine(day, _DRILL_TIME)), "drill.due")])
            day += timedelta(days=1)

    @property
    def suspended(self) -> tuple[Span, ...]:
        """When nothing starts."""
        return (*self.off, *(lid.span for lid in self.lids))


def here(text: str) -> datetime:
    """A moment as the clock on the wall there shows it, in UTC: "04-03 09:23"."""
    return _utc(datetime.fromisoformat(f"2029-{text.replace(' ', 'T')}:00"))


def _utc(wall: datetime) -> datetime:
    return wall.replace(tzinfo=_HERE).astimezone(UTC)


def _span(start: str, end: str) -> Span:
    return Span(here(start), here(end))


def _day(text: str) -> date:
    return date.fromisoformat(f"2029-{text}")


# Not three weeks with one of each: the limits are shorter, so that they can be passed.
WEEKS = Story(
    first=_day("03-24"),
    last=_day("04-07"),
    every_minutes=24 * 60,
    off=(_span("03-24 20:00", "03-25 07:00"), _span("04-04 18:00", "04-06 10:30")),
    network_away=(_span("03-26 08:00", "03-27 06:00"),),
    store_away=(_span("03-28 06:00", "03-29 22:00"),),
    lids=(
        ClosedLid(_span("03-31 00:00", "03-31 09:40"), at_ask=9, killed=False),
        ClosedLid(_span("04-07 00:00", "04-07 08:40"), at_ask=11, killed=True),
    ),
    damages=(Damage(here("04-03 09:00"), "costs", here("04-03 15:00")),),
    still=_span("03-24 13:00", "04-01 13:00"),
    drill_days=(_day("03-24"), _day("04-03")),
    max_age_days=13.1,
    max_unchanged_days=5.1,
    # Little enough that the proven point would go before the next drill.
    retention={"keep_last": 2, "keep_daily": 3, "max_share": 0.5},
    first_up=("drill.due", "backup"),
)

YEAR = Story(
    first=_day("01-01"),
    last=_day("12-31"),
    every_minutes=4 * 60,
    off=(
        # Weekends with the lid closed, a fortnight's holiday over the first business day of July, days without power
        # over that of October, and one over which the clocks go forward.
        *(
            _span(f"{day:%m-%d} 18:30", f"{day + timedelta(days=2):%m-%d} 07:45")
            for day in (date(2029, 1, 19) + timedelta(days=7 * week) for week in range(6))
        ),
        _span("03-24 19:00", "03-25 10:00"),
        _span("06-29 15:00", "07-13 08:00"),
        _span("09-29 02:00", "10-04 19:10"),
        _span("12-24 13:00", "12-27 11:00"),
    ),
    network_away=(_span("02-13 05:00", "02-17 03:00"), _span("08-31 10:00", "09-05 14:00")),
    store_away=(_span("05-10 06:00", "05-12 21:00"), _span("11-14 09:10", "11-14 09:40")),
    lids=(
        ClosedLid(_span("02-20 16:00", "02-21 07:30"), at_ask=2, killed=False),
        ClosedLid(_span("04-17 08:00", "04-17 08:20"), at_ask=7, killed=False),
        ClosedLid(_span("05-22 12:00", "05-24 09:00"), at_ask=9, killed=False),
        ClosedLid(_span("06-12 20:00", "06-13 06:50"), at_ask=11, killed=True),
        ClosedLid(_span("08-14 16:00", "08-15 07:10"), at_ask=13, killed=True),
        ClosedLid(_span("10-28 00:00", "10-28 09:00"), at_ask=8, killed=False),
        ClosedLid(_span("11-20 04:00", "11-20 22:00"), at_ask=5, killed=True),
    ),
    damages=(
        Damage(here("04-03 09:10"), "costs", here("04-05 10:00")),
        Damage(here("08-01 09:10"), "hivemind", here("08-02 15:00")),
    ),
    still=_span("06-01 13:00", "06-20 13:00"),
    drill_days=tuple(
        map(
            _day,
            (
                "01-02",
                "02-01",
                "03-01",
                "04-03",
                "05-02",
                "06-01",
                "07-13",
                "08-01",
                "09-06",
                "10-04",
                "11-01",
                "12-03",
            ),
        )
    ),
    max_age_days=35,
    max_unchanged_days=10.1,
    retention={"keep_last": 6, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 3, "max_share": 0.25},
)
