"""Waiting for Azure's propagation: a change that Azure has taken is not listed, nor in force, everywhere at once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from local.events import Event, Watch, unwatched


@dataclass(frozen=True)
class Propagation:
    """How long to wait for it in all, how often to look, both in seconds, and who is told meanwhile."""

    seconds: float = 600.0
    every: float = 10.0
    watch: Watch = unwatched


IN_AZURE = Propagation()


class Deadline:
    """Counts down from its construction; shared by all the waits of one run."""

    def __init__(self, propagation: Propagation) -> None:
        self._propagation = propagation
        self._begun = time.monotonic()

    @property
    def waited(self) -> int:
        """Whole seconds since the start."""
        return int(time.monotonic() - self._begun)

    @property
    def left(self) -> float:
        """Seconds that are left, 0 where the time is up."""
        return max(0.0, self._begun + self._propagation.seconds - time.monotonic())

    def tell(self, subject: str, text: str) -> None:
        """Say to whoever watches how `subject` (a VM, a principal, a role) is getting on."""
        self._propagation.watch(Event(subject, text))

    def wait(self) -> bool:
        """Sleep until it is time to look again; False where the time is up."""
        if not self.left:
            return False
        time.sleep(min(self._propagation.every, self.left))
        return True
