"""A volume whose backups are harmed on purpose, and the questions that are asked after each harm."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.request import urlopen

from local.archive.cache import cache_folder
from local.store.shelf import VOLUMES
from tests.reliability.commands import Arming, Ended, Order, RunningCommand, start
from tests.support.container_engines import ContainerEngine
from tests.support.odd_volume import FoundEntry, found_in, unpacked
from tests.support.workshop import Workshop

# By path, without the volume's own folder.
Content = dict[str, FoundEntry]
USERS = {"web": "running", "job": "running"}


@dataclass
class VolumeSite:
    """A volume that `web` and `job` use, which are stopped and paused while it is read."""

    workshop: Workshop
    engine: ContainerEngine
    folder: Path
    reached: str = ""
    _runs: count[int] = field(default_factory=count)

    def change(self) -> None:
        """Other content, none of which compresses."""
        for number in range(8):
            path = self.folder / f"file-{number}"
            path.write_bytes(os.urandom(90_000))
            os.utime(path, (1_700_000_000, 1_700_000_000))

    def start(self, command: str, *arm: Arming) -> RunningCommand:
        """Such a process; where `reached` says so, it reaches its store there."""
        settings = self.workshop.store_settings
        if self.reached:
            settings = type(settings)(url=self.reached)
        workshop = Workshop(self.workshop.root, settings, {}, self.workshop.more)
        output = self.workshop.root / f"output-{next(self._runs)}"
        return start(Order(workshop.command(*command.split())[3:], output, dict(os.environ), arm))

    def run(self, command: str, *arm: Arming) -> Ended:
        """The same, to its end."""
        return self.start(command, *arm).wait()

    def stored(self, folder: Path) -> Content:
        """What the newest backup brings back by hand."""
        point = max(self.workshop.repository.on(VOLUMES).points(), key=lambda point: point.taken)
        archive = folder / "site.tar.gz"
        with urlopen(self.workshop.store.link(point.entry, 60)) as answer:
            archive.write_bytes(answer.read())
        (folder / "sidecar").write_bytes(self.workshop.store.read(f"{point.entry.name}.sha256") or b"")
        subprocess.run(["sha256sum", "-c", "sidecar"], cwd=folder, check=True, capture_output=True)
        return content_of(unpacked(archive, folder / "unpacked", "tar"))

    def assert_next_run_mends(self, folder: Path) -> None:
        """What a killed run left is put right, and the volume's content now is in the store."""
        folder.mkdir()
        if any(self.workshop.repository.on(VOLUMES).points()):
            drilled = self.run("drill.local")
            assert drilled.code == 0, drilled.told
        again = self.run("backup")
        assert again.code == 0, again.told
        assert self.engine.names() == set(USERS)
        assert {name: self.engine.state(name) for name in USERS} == USERS
        assert self.stored(folder) == content_of(self.folder)
        own = cache_folder(self.workshop.store_settings)
        assert not (own / "work").exists()
        assert not list(own.glob("volumes/*/new-*"))


def prepared(workshop: Workshop, engine: ContainerEngine) -> VolumeSite:
    """One whose volume holds its first content, and whose users run."""
    workshop.more["volumes"] = [{"name": "site", "stop": ["web"], "pause": ["job"]}]
    site = VolumeSite(workshop, engine, engine.volume("site"))
    for name in USERS:
        engine.run(name, "site")
    site.change()
    return site


def content_of(folder: Path) -> Content:
    """What a volume's folder holds."""
    found = found_in(folder)
    del found["."]
    return found
