"""What a command writes: taken as it comes, its beginning and its end where it is more than can be kept."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from dataclasses import dataclass

READ_BYTES = 1 << 16
QUIET_SECONDS = 0.2
DRAIN_SECONDS = 5.0  # a child that goes on writing is not waited for


@dataclass(frozen=True)
class Output:
    """One stream's bytes: all of them in `head`, or a beginning, an end, and how many were left out between."""

    head: bytes
    left_out_bytes: int = 0
    tail: bytes = b""

    @property
    def kept_bytes(self) -> int:
        """How much of it is here."""
        return len(self.head) + len(self.tail)

    def within(self, most_bytes: int) -> Output:
        """The same in at most so many bytes, half of them from either end."""
        if self.kept_bytes <= most_bytes:
            return self
        kept = self.head if self.left_out_bytes else self.head + self.tail
        half = most_bytes // 2
        head = kept[:half]
        tail = (self.tail or self.head)[-half:] if half else b""
        return Output(head, self.left_out_bytes + self.kept_bytes - len(head) - len(tail), tail)


def share(first: Output, second: Output, most_bytes: int) -> tuple[Output, Output]:
    """Both within `most_bytes` together; what the smaller one does not need the other one has."""
    half = most_bytes // 2
    first_most = max(half, most_bytes - second.kept_bytes)
    second_most = max(half, most_bytes - first.kept_bytes)
    return first.within(first_most), second.within(second_most)


class Reader:
    """Takes one stream in a thread of its own, into `most_bytes` of memory at each end."""

    def __init__(self, stream: int, most_bytes: int) -> None:
        self.stream, self.most_bytes = stream, most_bytes
        self.head = bytearray()
        self.tail: deque[bytes] = deque()
        self.tail_bytes = self.left_out_bytes = 0
        self.ended_at: float | None = None
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self) -> None:
        """Read to the end; once the command has ended, what is there already."""
        while True:
            ready = select.select([self.stream], [], [], QUIET_SECONDS)[0]
            ended_at = self.ended_at
            if ended_at is not None and (not ready or time.monotonic() - ended_at > DRAIN_SECONDS):
                return
            if not ready:
                continue
            data = os.read(self.stream, READ_BYTES)
            if not data:
                return
            self.add(data)

    def add(self, data: bytes) -> None:
        """Keep it, and let go of what is too old for the end and too late for the beginning."""
        room = self.most_bytes - len(self.head)
        self.head += data[:room]
        if data[room:]:
            self.tail.append(data[room:])
            self.tail_bytes += len(data) - room
        while self.tail and self.tail_bytes - len(self.tail[0]) >= self.most_bytes:
            oldest = self.tail.popleft()
            self.tail_bytes -= len(oldest)
            self.left_out_bytes += len(oldest)

    def output(self) -> Output:
        """What it wrote until the command's end; the stream is closed."""
        self.ended_at = time.monotonic()
        self.thread.join()
        os.close(self.stream)
        head, tail = bytes(self.head), b"".join(self.tail)
        return Output(head, self.left_out_bytes, tail) if self.left_out_bytes else Output(head + tail)
