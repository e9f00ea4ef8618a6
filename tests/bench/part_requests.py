"""How many requests a backup makes and how many bytes reach the service, counted by Azurite, apart from the timing."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import data, table
from tests.bench.table import Found, Table
from tests.bench.workbench import Sample, Workbench, say
from tests.support import azurite

RUNS = 3
BAR = 2_500
_REQUEST = re.compile(r"RequestMethod=(\w+) RequestURL=\S+ RequestHeaders:(\{.*\}) ClientIP=")


@dataclass(frozen=True)
class Counted:
    """What reached the service: requests, and the bytes of their bodies."""

    requests: int
    body_bytes: int


def count(lines: Iterable[str]) -> Counted:
    """The SDK's requests in Azurite's debug log, where those stand too by which it reads a range of its own blob."""
    headers = [json.loads(match[2]) for line in lines if (match := _REQUEST.search(line))]
    asked = [each for each in headers if each.get("user-agent", "").startswith("azsdk-")]
    return Counted(len(asked), sum(int(each.get("content-length", 0)) for each in asked))


def measure(bench: Workbench) -> Found:
    """One series with a logging Azurite; each run's log is read when the service has ended it."""
    say("requests: a series with Azurite's log")
    log, data_folder = bench.folder / "requests.log", bench.folder / "logged"
    marks: list[tuple[str, Sample, int]] = []
    try:
        with logging_service(data_folder, log) as url, bench.place(url, "requests") as place:
            for label, share in _steps():
                if share:
                    data.change(place.live, "random", share, seed=bench.seed + len(marks))
                sample = bench.backup(place)
                marks.append((label, sample, settled(log)))
        content = log.read_bytes()
    finally:
        shutil.rmtree(data_folder, ignore_errors=True)
        log.unlink(missing_ok=True)
    rows, begin = [], content.index(b"RequestMethod=PUT") + 1  # the container's creation is not the backup's
    for label, sample, end in marks:
        counted = count(content[begin:end].decode(errors="replace").splitlines())
        row = (
            label,
            f"{counted.requests:,}",
            table.at_most(counted.requests, BAR, ""),
            table.size(counted.body_bytes),
            table.size(sample.sent),
        )
        rows.append((*row, table.size(sample.gzip_bytes)))
        begin = end
    note = (
        "Counted in Azurite's debug log in one separate series, so that logging disturbs no timing. Received: the "
        "bodies of all requests, by their Content-Length; reported: `uploaded_bytes` of `backup --json`."
    )
    head = ("run", "requests", table.BAR_AT_1GB, "received", "reported", "archive")
    return Found((Table("Requests", note, head, tuple(rows)),))


def _steps() -> Iterator[tuple[str, float]]:
    yield "first backup", 0
    yield "nothing changed", 0
    for run in range(1, RUNS + 1):
        yield f"0.1 % of rows at random, run {run}", 0.001


def settled(log: Path) -> int:
    """The log's length once Azurite has written it all; it writes behind its answers."""
    length = -1
    while length != log.stat().st_size:
        length = log.stat().st_size
        time.sleep(0.5)
    return length


@contextmanager
def logging_service(folder: Path, log: Path) -> Iterator[str]:
    """An Azurite that writes down every request; the tests' own is silent."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["node", str(azurite.install()), "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    command += ["--location", str(folder), "--blobPort", str(port), "--debug", str(log)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/{azurite.ACCOUNT}"
        finally:
            process.terminate()
