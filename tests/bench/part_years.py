"""What a year in the store costs: commands on 365 days of backups against the same on one day of them."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from local.store import layout
from tests.bench import table
from tests.bench.table import Found, Table
from tests.bench.workbench import CHECKOUT, Place, Workbench, invoke, new_container, say
from tests.support import azure_faults
from tests.support.azurite import KEY, Azurite
from tests.support.shelf import SHELF

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

NAMES = ("mission-control", "hivemind", "costs", "knowledge")
DAYS = 365
HOURS = (0, 4, 8, 12, 16, 20)
TIMES_BAR = 1.5
PEAK_BAR = 150_000_000
PROGRAM = CHECKOUT / "tests/bench/peak.py"
# Each with whether it asks for some points only, so that a year may cost it next to nothing.
COMMANDS: dict[str, tuple[tuple[str, ...], bool]] = {
    "backup": (("backup",), True),
    "drill.local": (("drill.local",), True),
    "drill.local --date": (("drill.local", "--date", "DAY"), True),
    "drill.local --at": (("drill.local", "--at", "DAYT12:00:00Z"), True),
    "restore": (("restore", "costs", "--to", "FILE"), True),
    "status": (("status",), True),
    "backup.list": (("backup.list",), False),
    "backup.prune --check": (("backup.prune", "--check"), False),
    "report": (("report", "--to", "FILE"), False),
}


@dataclass(frozen=True)
class Cost:
    """Of one command: seconds of a whole process, its peak memory, and what it asked the store for."""

    seconds: float
    peak_bytes: int
    requests: int
    entries: int


def measure(bench: Workbench) -> Found:
    """Every command on both stores, `bench.rounds` times, and once more through a proxy that counts."""
    with bench.service() as service:
        stores = {days: _filled(bench, service, days) for days in (1, DAYS)}
        rows = []
        for name, (arguments, asks_for_some) in COMMANDS.items():
            say(f"years: {name}")
            day, year = (_cost(bench, service, stores[days], arguments, days) for days in (1, DAYS))
            ratio = year.seconds / day.seconds
            rows.append(
                (
                    name,
                    table.seconds(day.seconds),
                    table.seconds(year.seconds),
                    table.at_most(ratio, TIMES_BAR) if asks_for_some else table.times(ratio),
                    f"{day.requests:,} / {year.requests:,}",
                    f"{day.entries:,} / {year.entries:,}",
                    f"{table.size(year.peak_bytes)}: {'met' if year.peak_bytes <= PEAK_BAR else 'MISSED'}",
                )
            )
    note = (
        f"Four tiny databases, six backups a day, on Azurite: one day, and {DAYS}. Whole processes, medians of "
        f"{bench.rounds}; requests and listed entries counted by a proxy; peak memory is ru_maxrss, <= "
        f"{table.size(PEAK_BAR)} for every command. `--date` and `--at` ask for the middle of what is stored."
    )
    head = ("command", "one day", "a year", "ratio", "requests", "entries", "peak, a year")
    return Found((Table("A year in the store", note, head, tuple(rows)),))


def _filled(bench: Workbench, service: Azurite, days: int) -> Place:
    """A store of so many days, of which today's backups are real and the days before hold the same archives."""
    from azure.storage.blob import ContainerClient

    folder = bench.folder / f"years-{days}"
    folder.mkdir()
    databases = [{"name": name, "path": str(_tiny(folder / f"{name}.db"))} for name in NAMES]
    url = new_container(service.url, f"years-{days}")
    config = folder / "invoke.json"
    told = {"store": {"url": url}, "databases": databases, "retention": {"keep_last": 12, "keep_daily": 400}}
    config.write_text(json.dumps(told))
    place = Place(config, folder, url)
    bench.run(invoke(place, "backup"))
    say(f"years: a store of {days} days")
    today = datetime.now(UTC).date()
    with ContainerClient.from_container_url(url, credential=KEY) as client, ThreadPoolExecutor(8) as pool:
        fillers = [filler for name in NAMES for filler in _fillers(client, name, today, days)]
        list(pool.map(lambda fill: fill(), fillers))
    return place


def _fillers(client: ContainerClient, name: str, today: date, days: int) -> list[Callable[[], None]]:
    """What puts each day's backups of a database."""
    newest = client.get_blob_client(SHELF.data_name(today, name))
    archive, metadata = newest.download_blob().readall(), newest.get_blob_properties().metadata

    def fill(day: date) -> None:
        blob = client.get_blob_client(SHELF.data_name(day, name))
        *earlier, last = ({**metadata, "taken": f"{day}T{hour:02}:00:00.000Z"} for hour in HOURS)
        if day == today:
            earlier = [{**metadata, "taken": f"{day}T00:00:00.{hour:03}Z"} for hour in HOURS[:-1]]
        else:
            blob.upload_blob(archive, metadata=last)
            sidecar = layout.sidecar_name(blob.blob_name)
            client.upload_blob(sidecar, layout.sidecar_line(metadata["sha256"], blob.blob_name))
        for former in earlier:
            blob.create_snapshot(metadata=former)

    return [lambda back=back: fill(today - timedelta(days=back)) for back in range(days)]  # type: ignore[misc]


def _tiny(path: Path) -> Path:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO notes(body) VALUES (?)", [(f"{path.name} {row}",) for row in range(200)])
    connection.close()
    return path


def _cost(bench: Workbench, service: Azurite, place: Place, arguments: Sequence[str], days: int) -> Cost:
    asked = datetime.now(UTC).date() - timedelta(days=days // 2)
    file = place.live / "file"
    words = [word.replace("DAY", str(asked)).replace("FILE", str(file)) for word in arguments]
    seconds, peaks = [], []
    for _ in range(bench.rounds):
        file.unlink(missing_ok=True)
        seconds.append(bench.run(invoke(place, *words)).seconds)
        file.unlink(missing_ok=True)
        peaks.append(int(bench.run([sys.executable, str(PROGRAM), *invoke(place, *words)]).output))
    file.unlink(missing_ok=True)
    requests, entries = _counted(bench, service, place, words)
    return Cost(median(seconds), max(peaks), requests, entries)


def _counted(bench: Workbench, service: Azurite, place: Place, words: Sequence[str]) -> tuple[int, int]:
    """The requests of one run, and the entries that listings told it."""
    entries: list[int] = []

    def count(answer: azure_faults.Answer) -> azure_faults.Answer:
        entries.append(answer.body.count(b"<Blob>"))
        return answer

    with azure_faults.running(service) as proxy:
        proxy.fail("List Blobs", azure_faults.answered(count))
        told = json.loads(place.config.read_text())
        told["store"]["url"] = f"{proxy.url}/{place.url.rpartition('/')[2]}"
        counted = place.live / "counted.json"
        counted.write_text(json.dumps(told))
        bench.run(invoke(Place(counted, place.live, place.url), *words))
        return len(proxy.requests), sum(entries)
