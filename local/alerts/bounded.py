"""Work that talks to others, in a thread that nobody waits for longer than it may take.

A name that does not resolve, a peer that sends a byte a minute: neither knows a time-out of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from local.alerts.secrets import Secret


class BoundedCall:
    """`work` under way, which returns what went wrong ("" if nothing did); it has `seconds` from now."""

    def __init__(self, work: Callable[[], str], secret: Secret, seconds: float) -> None:
        self._work = work
        self._secret = secret
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._trouble: str | None = None
        # The interpreter's end waits for no daemon.
        self._thread = threading.Thread(target=self._run, name="alert", daemon=True)
        self._thread.start()

    def trouble(self) -> str:
        """What went wrong, without the secret; "" if nothing did. Returns at the deadline at the latest."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if self._trouble is None:
            return f"no answer within {self._seconds:g} s"
        return self._trouble

    def _run(self) -> None:
        try:
            self._trouble = self._secret.strike(self._work())
        except Exception as error:
            self._trouble = self._secret.strike(f"{type(error).__name__}: {error}")
