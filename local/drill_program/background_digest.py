"""A SHA-256 on a thread of its own, so that nobody waits for it but at the end."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

WAITING_BYTES = 4 << 20


@dataclass(frozen=True)
class WaitingPieces:
    """Pieces that stay in memory until they are added."""

    added: Future[None]
    memory_bytes: int


class BackgroundDigest:
    """A SHA-256 that is fed in order, and may be WAITING_BYTES behind."""

    def __init__(self) -> None:
        self.thread, self.digest = ThreadPoolExecutor(1), hashlib.sha256()
        self.waiting: deque[WaitingPieces] = deque()
        self.waiting_bytes = 0

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Add the next bytes soon; waits while too many are still to be added."""
        memory_bytes = sum(map(len, pieces))
        while self.waiting and self.waiting_bytes + memory_bytes > WAITING_BYTES:
            oldest = self.waiting.popleft()
            oldest.added.result()
            self.waiting_bytes -= oldest.memory_bytes
        self.waiting.append(WaitingPieces(self.thread.submit(self._update, pieces), memory_bytes))
        self.waiting_bytes += memory_bytes

    def hexdigest(self) -> str:
        """The SHA-256 of all that was fed; nothing may be fed after it."""
        self.thread.shutdown()
        return self.digest.hexdigest()

    def _update(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self.digest.update(piece)
