"""Which of the five steps is under way, how long each took, and in which of them something went wrong."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from typing import TypeVar

STEP_NAMES = ("download", "checksum", "decompress", "integrity", "rows")
Found = TypeVar("Found")


class StepTimes:
    """The seconds of each step: those for which the drill waited for it, so that they add up to the whole.

    Steps that hand on pieces are nested, and time goes to the innermost; what other threads do meanwhile costs none.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEP_NAMES, 0.0)
        self.step = STEP_NAMES[0]
        self.culprit = ""
        self.since = time.monotonic()

    def start(self) -> None:
        """Charge nobody for the time until now."""
        self.since = time.monotonic()

    @contextlib.contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Charge the time to `step`; the culprit is the innermost that raises."""
        outer = self._turn_to(step)
        try:
            yield
        except BaseException:
            self.culprit = self.culprit or step
            raise
        finally:
            self._turn_to(outer)

    def while_making(self, step: str, pieces: Generator[bytes, None, Found]) -> Generator[bytes, None, Found]:
        """The same pieces, and the same returned at their end; only the time to make them is charged to `step`."""
        while True:
            with self.during(step):
                try:
                    piece = next(pieces)
                except StopIteration as end:
                    found: Found = end.value
                    return found
            yield piece

    def _turn_to(self, step: str) -> str:
        now, before = time.monotonic(), self.step
        self.seconds[before] += now - self.since
        self.step, self.since = step, now
        return before
