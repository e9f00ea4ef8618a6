"""What the work says while it goes on; a terminal and a log show it in their own ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EventVerdict = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class Event:
    """`subject` (a database, a VM) is at `text`; `done` of `total` bytes where that can be counted.

    An event with a `total` is a step of a bar and too frequent for a log, one without is worth a line. One that is
    `lasting` is told again below the result, where a person looks last. The one with a `verdict` is a subject's last:
    what came of it.
    """

    subject: str
    text: str
    done: int = 0
    total: int | None = None
    lasting: bool = False
    verdict: EventVerdict | None = None


Watch = Callable[[Event], None]


def unwatched(event: Event) -> None:
    """For callers that nobody watches."""
