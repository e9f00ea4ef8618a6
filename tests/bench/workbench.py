"""Whole processes in an environment of their own, timed from their start to their end."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import site
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from local.backup.database_files import REST_NS
from local.errors import PillarError
from tests.support import azurite
from tests.support.azurite import KEY, Azurite

CHECKOUT = Path(__file__).parents[2]
NAME = "bench"
_REST_SECONDS = REST_NS / 1e9 + 0.1
# The developer's own settings and keys, which the measured processes shall not see; without those of Python each
# process finds our modules compiled, as it does wherever nobody forbids that (PYTHONDONTWRITEBYTECODE).
_OTHERS = ("AZURE_", "INVOKE_", "PYTHON", "RESTIC_")


@dataclass(frozen=True)
class Finished:
    """A process that ended well: when it began on the monotonic clock, how many seconds it took, and what it said."""

    begin: float
    seconds: float
    output: str


@dataclass(frozen=True)
class Sample:
    """One `invoke backup` process: begin and seconds, the bytes sent, stored and backed up, whether these were read."""

    begin: float
    seconds: float
    sent: int
    gzip_bytes: int
    database_bytes: int
    read: bool


@dataclass(frozen=True)
class Place:
    """Where a series of backups goes: a configuration with one database and a store of its own."""

    config: Path
    live: Path
    url: str


@dataclass(frozen=True)
class Workbench:
    """What the parts share: a temporary folder, the database they copy, its size in bytes, and how often to measure."""

    folder: Path
    size: int
    rounds: int
    seed: int

    @property
    def pristine(self) -> Path:
        """The database as it was generated."""
        return self.folder / "pristine.db"

    @contextmanager
    def service(self) -> Iterator[Azurite]:
        """A fresh Azurite, since its state and its latency grow; its data is removed at the end."""
        data = self.folder / "azurite"
        try:
            with azurite.running(data) as service:
                yield service
        finally:
            shutil.rmtree(data, ignore_errors=True)

    @contextmanager
    def place(self, account_url: str, container: str, live: Path | None = None) -> Iterator[Place]:
        """A new container, and a copy of the pristine database (or `live`) that is backed up there.

        The copy has rested, as a database does between two runs: a run remembers no file that was just written to.
        """
        with self.place_at(new_container(account_url, container), container, live) as place:
            yield place

    @contextmanager
    def place_at(self, url: str, name: str, live: Path | None = None) -> Iterator[Place]:
        """The same for a store that is there, or a folder."""
        folder = self.folder / f"place-{name}"
        folder.mkdir()
        copy = live or copied(self.pristine, folder / f"{NAME}.db")
        config = folder / "invoke.json"
        config.write_text(json.dumps({"store": {"url": url}, "databases": [{"name": NAME, "path": str(copy)}]}))
        time.sleep(_REST_SECONDS)
        try:
            yield Place(config, copy, url)
        finally:
            shutil.rmtree(folder)
            shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def run(self, command: Sequence[str], cwd: Path = CHECKOUT, stdout: Path | None = None) -> Finished:
        """Run to the end; PillarError with what it said where it failed."""
        os.sync()  # what the run before has left to write is not this one's
        with (stdout or Path(os.devnull)).open("wb") as file:
            begin = time.monotonic()
            done = subprocess.run(
                command,
                cwd=cwd,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file if stdout else subprocess.PIPE,
                stderr=subprocess.PIPE,
                check=False,
            )
            seconds = time.monotonic() - begin
        if done.returncode:
            said = (done.stdout or b"")[-1000:] + done.stderr[-2000:]
            came_back = f"ended with {done.returncode}: {said.decode(errors='replace')}"
            raise PillarError(f"bench: {shlex.join(command)}", came_back)
        return Finished(begin, seconds, (done.stdout or b"").decode())

    def backup(self, place: Place, *arguments: str) -> Sample:
        """One `invoke backup --json`, which must pass."""
        done = self.run(invoke(place, "backup", "--json", *arguments))
        return sample(done, json.loads(done.output))

    def _environment(self) -> dict[str, str]:
        """The developer's own without credentials and settings; caches and temporary files in our folder."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        temporary, home = self.folder / "tmp", self.folder / "home"
        temporary.mkdir(exist_ok=True)
        home.mkdir(exist_ok=True)
        return {
            **own,
            "AZURE_STORAGE_KEY": KEY,
            "HOME": str(home),
            "PYTHONUSERBASE": site.getuserbase(),
            "TMPDIR": str(temporary),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }


def invoke(place: Place, *arguments: str) -> list[str]:
    """The command line of one of our tasks."""
    return [sys.executable, "-m", "invoke", "-f", str(place.config), *arguments]


def sample(done: Finished, document: dict[str, Any]) -> Sample:
    """What the document of `backup --json` says; PillarError unless it passed."""
    (database,) = document["databases"]
    if document["backup"]["verdict"] != "passed" or database["verdict"] != "passed":
        raise PillarError("bench: invoke backup", str(database["error"]))
    return Sample(
        done.begin,
        done.seconds,
        database["uploaded_bytes"],
        database["gzip_bytes"],
        database["database_bytes"],
        database["read"],
    )


def new_container(account_url: str, name: str) -> str:
    """The URL of a container made now."""
    from azure.storage.blob import ContainerClient

    url = f"{account_url}/{name}"
    with ContainerClient.from_container_url(url, credential=KEY) as client:
        client.create_container()
    return url


def copied(database: Path, target: Path) -> Path:
    """A copy of a database that nobody has open."""
    shutil.copyfile(database, target)
    return target


def seconds_of(samples: Sequence[Sample]) -> float:
    """The median."""
    return median(one.seconds for one in samples)


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)
