"""Waiting for threads so that Ctrl-C is heard."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future, wait
from typing import Any

_EVERY = 0.5


def settled(futures: Collection[Future[Any]]) -> None:
    """Return when every future has ended, whatever came of it.

    A signal that arrives just before a wait without an end is only handled after it, so each wait here is a short one.
    """
    while wait(futures, timeout=_EVERY).not_done:
        pass
