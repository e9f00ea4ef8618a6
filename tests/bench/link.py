"""Servers behind a link of a rate and a round trip, and what a call uses of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.errors import PillarError

LINK = Path(__file__).with_name("shaped_link.py")
REST_SERVER = Path(__file__).with_name("rest_server.py")


@dataclass(frozen=True)
class Usage:
    """Bytes each way on the link, with the heads of requests, how many of these, and the seconds of the processes."""

    sent: int
    received: int
    requests: int
    seconds: float

    def times(self, count: int) -> Usage:
        """So many alike."""
        return Usage(self.sent * count, self.received * count, self.requests * count, self.seconds * count)


def whole(usages: Sequence[Usage]) -> Usage:
    """All of them, one after the other."""
    columns = ((one.sent, one.received, one.requests, one.seconds) for one in usages)
    sent, received, requests, seconds = (sum(column) for column in zip(*columns, strict=True))
    return Usage(int(sent), int(received), int(requests), seconds)


class ShapedLink:
    """The link before a server on this machine: `url` in place of its own, and what passed while a call was made."""

    def __init__(self, process: subprocess.Popen[str], port: str) -> None:
        self._process = process
        self._port = port

    def url(self, behind: str) -> str:
        """The same URL, through the link."""
        return urlsplit(behind)._replace(netloc=f"127.0.0.1:{self._port}").geturl()

    def usage(self, call: Callable[[], float]) -> Usage:
        """What the call, which returns its seconds, used of the link."""
        before = self._passed()
        seconds = call()
        after = self._passed()
        sent, received, requests = (after[key] - before[key] for key in ("sent", "received", "requests"))
        return Usage(sent, received, requests, seconds)

    def _passed(self) -> dict[str, int]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        passed: dict[str, int] = json.loads(self._process.stdout.readline())
        return passed


@contextmanager
def shaped(port: int, bits_per_second: float, round_trip: float) -> Iterator[ShapedLink]:
    """A link to the server at a port, of that rate each way and with so many seconds there and back."""
    with _program(LINK, str(port), str(bits_per_second), str(round_trip)) as (process, own):
        yield ShapedLink(process, own)


@contextmanager
def rest_server(folder: Path) -> Iterator[int]:
    """The port of restic's server on this folder."""
    with _program(REST_SERVER, str(folder)) as (_, port):
        yield int(port)


@contextmanager
def _program(program: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the first line that it said; it ends with its stdin."""
    command = [sys.executable, str(program), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            if not (said := process.stdout.readline().strip()):
                raise PillarError(f"bench: {program.name}", "it did not start")
            yield process, said
        finally:
            process.stdin.close()
