"""The words of an alert: what, since when, what came back, and the command that mends it; plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from local import clock
from local.alerts.state import Change, Kind
from local.cloud.redact import scrub
from local.output.screen import printable

_MOST_NAMES = 4
_MOST_SUBJECT = 150
_MOST_DETAIL = 1000
_MOST_CHANGES = 20
# Some channels call a whole group by these, wherever they stand in a text.
_CALLS = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)

_WRONG: dict[Kind, str] = {
    "backup": "backup of {} FAILED",
    "drill": "drill of {} FAILED",
    "attempt": "drill of {} INCONCLUSIVE",
    "age": "backup of {} is LATE",
    "unchanged": "content of {} has NOT CHANGED",
    "proof": "proof of {} is OVERDUE",
}
_RIGHT: dict[Kind, str] = {
    "backup": "backup of {} works again",
    "drill": "drill of {} passes again",
    "attempt": "drill of {} can be carried out again",
    "age": "backup of {} is on time again",
    "unchanged": "content of {} changes again",
    "proof": "proof of {} is young enough again",
}
_MEANING: dict[Kind, str] = {
    "backup": "its last good backup stays the newest",
    "drill": "the backup that was drilled cannot be brought back as it should",
    "attempt": "nothing was proven: neither that the backup is good nor that it is not",
    "age": "",
    "unchanged": "",
    "proof": "",
}


@dataclass(frozen=True)
class Message:
    """What is sent through a channel; `is_wrong` where anything in it is."""

    subject: str
    body: str
    is_wrong: bool


def compose(host: str, store: str, changes: Sequence[Change]) -> Message:
    """One message for all that changed in one run on `host`, with what is wrong first."""
    ordered = sorted(changes, key=lambda change: not change.outcome.is_wrong)
    groups: dict[str, list[str]] = {}
    for change in ordered:
        groups.setdefault(_phrase(change), []).append(change.outcome.name)
    subject = "; ".join(phrase.format(_names(names)) for phrase, names in groups.items())
    told = ["\n".join(_lines(change)) for change in ordered[:_MOST_CHANGES]]
    if len(ordered) > _MOST_CHANGES:
        told.append(f"and {len(ordered) - _MOST_CHANGES} more: invoke status")
    ending = f"From {host}, store {store}. This is told once; the next message comes when it changes."
    return Message(
        _short(calm(f"{host}: {subject}"), _MOST_SUBJECT),
        "\n\n".join([*told, calm(ending)]),
        any(change.outcome.is_wrong for change in ordered),
    )


def calm(text: str) -> str:
    """One line from a database, a store or another's answer: no secret, no control character, no call to a group."""
    return _CALLS.sub(lambda found: f"{found.group()} ", printable(scrub(" ".join(text.split()))))


def _phrase(change: Change) -> str:
    return (_WRONG if change.outcome.is_wrong else _RIGHT)[change.outcome.kind]


def _lines(change: Change) -> list[str]:
    outcome, standing = change.outcome, change.standing
    since = clock.timestamp(standing.since)
    lines = [f"{_phrase(change).format(calm(outcome.name))}, since {since}"]
    if standing.wrong_since:
        lines.append(f"it was wrong since {clock.timestamp(standing.wrong_since)}")
        if not standing.was_told:
            lines.append("no message of that could be sent at its time")
    if outcome.is_wrong:
        lines += filter(None, (_MEANING[outcome.kind],))
        lines.append(f"what came back: {_short(calm(outcome.detail), _MOST_DETAIL)}")
        lines.append(f"what to do: {_short(calm(outcome.mend), _MOST_DETAIL)}")
    return lines


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
