"""A link of so many bits a second and so long a round trip before a server on this machine, as a program.

python shaped_link.py PORT BITS_PER_SECOND ROUND_TRIP_SECONDS

It prints the port that it listens on, then for each line on stdin what has passed so far, as JSON; it ends when its
stdin does. All connections share the rate, each way on its own; a new one first waits for a round trip, as TCP does.
What Azurite reads of its own for Put Block From URL goes past it: Azurite asks the port that it is bound to.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

PIECE_BYTES = 16 * 1024
# A home router holds about so much; more would make the waits of one connection those of all.
BACKLOG_SECONDS = 0.1
_RECEIVE_BUFFER_BYTES = 64 * 1024
_CONTENT_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


class Direction:
    """One way of the link: bytes leave one after the other at the rate, and arrive after the delay."""

    def __init__(self, bytes_per_second: float, delay: float) -> None:
        self.passed = 0
        self._bytes_per_second = bytes_per_second
        self._delay = delay
        self._free_at = 0.0

    def arrival(self, now: float, count: int) -> float:
        """When the last of `count` bytes that are handed over now arrives."""
        self.passed += count
        self._free_at = max(self._free_at, now) + count / self._bytes_per_second
        return self._free_at + self._delay

    def wait(self, now: float) -> float:
        """How many seconds to take nothing more, so that what waits stays a short backlog."""
        return max(0.0, self._free_at - now - BACKLOG_SECONDS)


class RequestCounter:
    """Counts the HTTP/1.1 requests in what one connection's client sends, whose bodies tell their length."""

    def __init__(self) -> None:
        self.requests = 0
        self._head = b""
        self._body_left = 0

    def feed(self, piece: bytes) -> None:
        """The next bytes; ValueError for a request whose body does not tell its length."""
        while piece:
            skipped = min(self._body_left, len(piece))
            self._body_left -= skipped
            self._head += piece[skipped:]
            head, end, piece = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if b"\ntransfer-encoding:" in head.lower():
                raise ValueError("a request in chunks is not counted")
            self.requests += 1
            self._head = b""
            length = _CONTENT_LENGTH.search(head)
            self._body_left = int(length[1]) if length else 0


class Link:
    """The listener, and what has passed."""

    def __init__(self, port: int, bits_per_second: float, round_trip: float) -> None:
        self.up, self.down = (Direction(bits_per_second / 8, round_trip / 2) for _ in range(2))
        self._port = port
        self._round_trip = round_trip
        self._counters: list[RequestCounter] = []

    def told(self) -> str:
        """The requests, and the bytes each way with their heads, as JSON."""
        requests = sum(counter.requests for counter in self._counters)
        return json.dumps({"requests": requests, "sent": self.up.passed, "received": self.down.passed})

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end; an end that is cut is the other end's to notice."""
        counter = RequestCounter()
        self._counters.append(counter)
        await asyncio.sleep(self._round_trip)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port, limit=PIECE_BYTES)
        try:
            with suppress(ConnectionError):
                await asyncio.gather(
                    _carry(reader, far_writer, self.up, counter.feed),
                    _carry(far_reader, writer, self.down, lambda _: None),
                )
        finally:
            writer.close()
            far_writer.close()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction, look: Callable[[bytes], None]
) -> None:
    clock = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    delivery = asyncio.create_task(_deliver(under_way, writer))
    try:
        while piece := await reader.read(PIECE_BYTES):
            look(piece)
            under_way.put_nowait((way.arrival(clock(), len(piece)), piece))
            await asyncio.sleep(way.wait(clock()))
    finally:
        under_way.put_nowait((way.arrival(clock(), 0), b""))
    await delivery


async def _deliver(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        at, piece = await under_way.get()
        await asyncio.sleep(max(0.0, at - clock()))
        if not piece:
            if writer.can_write_eof() and not writer.is_closing():
                writer.write_eof()
            return
        writer.write(piece)
        await writer.drain()


async def _answer_stdin(link: Link) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(link.told(), flush=True)


async def main(port: int, bits_per_second: float, round_trip: float) -> None:
    """Serve until stdin ends."""
    link = Link(port, bits_per_second, round_trip)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    await asyncio.start_server(link.connected, sock=listener, limit=PIECE_BYTES)
    print(listener.getsockname()[1], flush=True)
    await _answer_stdin(link)
    os._exit(0)  # the connections that a client keeps open end with it, without a word


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
