"""Where one kind of backup stands in a store: databases on the shelf that `store.prefix` names, volumes on their own.

Both have a folder a UTC day, and in it one archive a name with its sidecar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeVar

from local.settings import NAME, VOLUME_NAME

Kind = Literal["database", "volume"]
_Told = TypeVar("_Told")
_NAMES: dict[Kind, re.Pattern[str]] = {"database": NAME, "volume": VOLUME_NAME}


@dataclass(frozen=True)
class Shelf:
    """The folder `prefix` with the days of one kind of backup, and the `suffix` in which its archives' names end."""

    prefix: str
    suffix: str
    kind: Kind

    def data_name(self, day: date, name: str) -> str:
        """The blob of the backups of one UTC day."""
        return f"{self.prefix}/{day.isoformat()}/{self.file_name(name)}"

    def file_name(self, name: str) -> str:
        """What that blob is called in its day's folder."""
        return f"{name}{self.suffix}"

    def parse(self, blob: str) -> tuple[date, str] | None:
        """The UTC day and the name of a data blob on this shelf; None for any other blob."""
        name = _NAMES[self.kind].pattern
        match = re.fullmatch(f"{re.escape(self.prefix)}/([^/]+)/({name}){re.escape(self.suffix)}", blob)
        day = parse_day(match[1]) if match else None
        return (day, match[2]) if match and day else None

    def may_hold(self, name: str) -> bool:
        """Whether a blob's name may hold this: of anything else there is no backup."""
        return _NAMES[self.kind].fullmatch(name) is not None


def databases_in(prefix: str) -> Shelf:
    """The shelf of the databases."""
    return Shelf(prefix, ".db.gz", "database")


VOLUMES = Shelf("volumes", ".tar.gz", "volume")


def by_kind(databases: Iterable[_Told], volumes: Iterable[_Told]) -> list[tuple[Kind, _Told]]:
    """What is told of each database, then of each volume, with which of the two it is."""
    return [*(("database", each) for each in databases), *(("volume", each) for each in volumes)]


def parse_day(folder: str) -> date | None:
    """The UTC day of a folder's name; None for any other, other spellings of a day included."""
    try:
        day = date.fromisoformat(folder)
    except ValueError:
        return None
    return day if day.isoformat() == folder else None
