"""What `invoke restore` was asked for: its options as one value, those that contradict each other refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from local.errors import ConfigError
from local.store.catalog import Choice, parse_choice

Action = Literal["file", "live", "rollback"]


@dataclass(frozen=True)
class RestoreOptions:
    """The command line as it was given; None is what was not."""

    name: str | None = None
    to: str | None = None
    date: str | None = None
    at: str | None = None
    from_: str | None = None
    live: bool = False
    rollback: bool = False


@dataclass(frozen=True)
class RestoreRequest:
    """What is to be done: a backup to a new file (at `to`, or `./NAME.db`), one in place, or the last such undone."""

    name: str | None
    action: Action
    to: str | None
    choice: Choice
    archive: str | None


def read_request(given: RestoreOptions) -> RestoreRequest:
    """The request that the options make; ConfigError where two of them contradict each other, or one is empty."""
    for flag, value in (("--to", given.to), ("--from", given.from_), ("NAME", given.name)):
        if value == "":
            raise ConfigError(flag, "is empty", "leave it out, or say which")
    for flag, meant, other in _contradictions(given):
        raise ConfigError(f"{flag} and {other}", "contradict each other", f"{flag} {meant}: leave one of them out")
    action: Action = "rollback" if given.rollback else "live" if given.live else "file"
    return RestoreRequest(given.name, action, given.to, parse_choice(given.date, given.at), given.from_)


def _contradictions(given: RestoreOptions) -> list[tuple[str, str, str]]:
    """Each flag that was given, what it means, and the other one that was given and makes no sense beside it."""
    there = {
        "--to": given.to is not None,
        "--date": given.date is not None,
        "--at": given.at is not None,
        "--from": given.from_ is not None,
        "--live": given.live,
        "--rollback": given.rollback,
    }
    means = (
        ("--rollback", "undoes the last live restore", ("--live", "--to", "--date", "--at", "--from")),
        ("--live", "restores in place", ("--to",)),
        ("--from", "is one point in time", ("--date", "--at")),
    )
    return [(flag, meant, other) for flag, meant, others in means for other in others if there[flag] and there[other]]
