"""One Docker engine for all volumes of a run, which are read one after the other.

So two volumes never hold the same container still at once, their tars come from the same disk in a row, and an engine
that does not answer is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from local.errors import EngineError
from local.volumes.engine import Engine, open_engine


class EngineTurns:
    """The engine, which is opened for the first volume that needs it."""

    def __init__(self, opening: Callable[[], Engine] = open_engine) -> None:
        self._opening = opening
        self._lock = Lock()
        self._engine: Engine | None = None
        self._refusal: EngineError | None = None

    @contextmanager
    def turn(self) -> Iterator[Engine]:
        """The engine, for this thread alone; EngineError, with the same words for each, where none answers.

        Where a turn ends in the engine's error the next one asks anew whether it answers at all.
        """
        with self._lock:
            engine = self._opened()
            try:
                yield engine
            except EngineError:
                self.close()
                raise

    def close(self) -> None:
        """The connection is closed; nobody has a turn."""
        if self._engine:
            self._engine.close()
            self._engine = None

    def _opened(self) -> Engine:
        if self._refusal:
            raise EngineError(self._refusal.doing, self._refusal.came_back, self._refusal.mend)
        if self._engine is None:
            try:
                self._engine = self._opening()
            except EngineError as error:
                self._refusal = error
                raise
        return self._engine
