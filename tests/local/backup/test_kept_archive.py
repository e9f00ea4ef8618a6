"""What this machine keeps of an archive: a run adds little to it, and whatever befalls it the store has the same."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from local import clock
from local.archive.cache import kept_archive
from local.archive.extents import PACK_SHARE
from local.archive.former import read_part
from local.backup.run import back_up
from local.events import Event
from local.settings import AzureSettings, Database, StoreSettings
from local.store.open import open_repository
from tests.support.azurite import KEY

ROWS = 100
ROW_BYTES = 10_000


@dataclass
class Machine:
    """Backs up databases to a container of its own; one that `forgets` has nothing kept at any run's beginning."""

    settings: StoreSettings
    own: Path
    forgets: bool = False
    told: list[Event] = field(default_factory=list)

    def back_up(self, databases: list[Database]) -> dict[str, bytes]:
        """The newest archives, as the store gives them."""
        if self.forgets:
            shutil.rmtree(self.own, ignore_errors=True)
        opening = partial(open_repository, self.settings, AzureSettings())
        report = back_up(opening, databases, self.own, self.told.append)
        assert report.backup.verdict == "passed", report
        repository = opening()
        points = [point for point in repository.points() if point.current]
        return {one.name: repository.store.read_range(one.entry, 0, one.entry.size) for one in points}

    def folder(self, name: str) -> Path:
        return self.own / "cache" / name

    def pack(self, name: str = "costs") -> Path:
        (found,) = self.folder(name).glob("pack-*")
        return found

    def assert_keeps(self, name: str, archive: bytes) -> None:
        """These bytes, in one pack with one index."""
        kept = kept_archive(self.folder(name), sha256(archive).hexdigest())
        assert kept
        with kept.pack.open("rb") as file:
            assert read_part(file.fileno(), kept.extents, 0, len(archive)) == archive
        assert sorted(path.name for path in self.folder(name).iterdir()) == ["index", kept.pack.name]


@dataclass
class Machines:
    """One that keeps archives and one that never has any, with the same databases and the same clock."""

    keeps: Machine
    forgets: Machine
    databases: list[Database]
    monkeypatch: pytest.MonkeyPatch
    now: datetime = datetime(2026, 5, 5, tzinfo=UTC)

    def change(self, seed: int, rows: int = 1) -> None:
        """Some rows in a row of the first database get another body."""
        chance = random.Random(seed)
        first = chance.randrange(ROWS - rows)
        with closing(sqlite3.connect(self.databases[0].path)) as connection, connection:
            for number in range(first, first + rows):
                body = chance.randbytes(ROW_BYTES)
                connection.execute("UPDATE notes SET body = ? WHERE id = ?", (body, number + 1))

    def back_up(self, *, is_kept: bool = True) -> dict[str, bytes]:
        """The archives, the same in both stores."""
        self.now += timedelta(minutes=10)
        self.monkeypatch.setattr(clock, "now", lambda: self.now)
        archives = self.keeps.back_up(self.databases)
        assert archives == self.forgets.back_up(self.databases)
        for name, archive in archives.items() if is_kept else ():
            self.keeps.assert_keeps(name, archive)
        return archives

    def troubles(self) -> list[str]:
        return [event.text for event in self.keeps.told if "cache" in event.text]


@pytest.fixture
def machines(azure_store_settings: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """They have each backed up a database of a megabyte."""
    from azure.storage.blob import ContainerClient

    other = StoreSettings(url=f"{azure_store_settings.url}-2")
    with ContainerClient.from_container_url(other.url, credential=KEY) as client:
        client.create_container()
    keeps, forgets = Machine(azure_store_settings, tmp_path / "keeps"), Machine(other, tmp_path / "forgets", True)
    found = Machines(keeps, forgets, [made(tmp_path / "costs.db")], monkeypatch)
    found.back_up()
    return found


def made(path: Path) -> Database:
    """It does not compress."""
    chance = random.Random(path.name)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB)")
        bodies = ((chance.randbytes(ROW_BYTES),) for _ in range(ROWS))
        connection.executemany("INSERT INTO notes (body) VALUES (?)", bodies)
    return Database(name=path.stem, path=path)


def test_a_run_appends_what_is_new_to_the_pack_of_its_own_database(machines: Machines, tmp_path: Path) -> None:
    machines.databases.append(made(tmp_path / "tasks.db"))
    machines.back_up()
    before = {name: (path, path.stat()) for name in ("costs", "tasks") for path in [machines.keeps.pack(name)]}
    machines.change(1)
    archives = machines.back_up()

    pack, found = before["tasks"]
    assert pack.stat().st_mtime_ns == found.st_mtime_ns
    pack, found = before["costs"]
    assert pack.stat().st_ino == found.st_ino
    assert ROW_BYTES < pack.stat().st_size - found.st_size < 0.15 * len(archives["costs"])
    assert (pack.parent / "index").stat().st_size < 3000


def test_a_pack_is_written_anew_before_much_of_it_is_in_vain(machines: Machines) -> None:
    packs = [machines.keeps.pack()]
    for run in range(5):
        machines.change(run, rows=ROWS // 5)
        whole = len(machines.back_up()["costs"])
        packs.append(machines.keeps.pack())
        assert packs[-1].stat().st_size < (PACK_SHARE + 0.1) * whole

    assert 2 <= len(set(packs)) <= 4, packs


def another_database_s_pack(machine: Machine) -> None:
    shutil.copy(machine.pack("tasks"), machine.pack())


def another_database_s_folder(machine: Machine) -> None:
    shutil.rmtree(machine.folder("costs"))
    shutil.copytree(machine.folder("tasks"), machine.folder("costs"))


def cut_short(machine: Machine) -> None:
    os.truncate(machine.pack(), machine.pack().stat().st_size // 2)


def empty(machine: Machine) -> None:
    os.truncate(machine.pack(), 0)


def never_on_the_disk(machine: Machine) -> None:
    """What was written last, with the archive's record, is a hole."""
    size = machine.pack().stat().st_size
    os.truncate(machine.pack(), size - ROW_BYTES)
    os.truncate(machine.pack(), size)


def longer(machine: Machine) -> None:
    with machine.pack().open("ab") as file:
        file.write(random.Random(5).randbytes(2_000_000))


def rotten(machine: Machine) -> None:
    """A bit flips in some members."""
    content = bytearray(machine.pack().read_bytes())
    for at in range(5_000, len(content), 300_000):
        content[at] ^= 1
    machine.pack().write_bytes(content)


def without_its_index(machine: Machine) -> None:
    (machine.folder("costs") / "index").unlink()


def without_its_pack(machine: Machine) -> None:
    machine.pack().unlink()


def a_link_to_it(machine: Machine) -> None:
    pack, elsewhere = machine.pack(), machine.own / "elsewhere"
    pack.rename(elsewhere)
    pack.symlink_to(elsewhere)


def of_a_killed_run(machine: Machine) -> None:
    """What stands there where a run is killed that writes a pack anew, before its last rename."""
    for name in ("new-index", "new-pack", "pack-0123456789abcdef"):
        (machine.folder("costs") / name).write_bytes(b"half")


HARMS = [
    another_database_s_pack,
    another_database_s_folder,
    cut_short,
    empty,
    never_on_the_disk,
    longer,
    rotten,
    without_its_index,
    without_its_pack,
    a_link_to_it,
    of_a_killed_run,
]


def test_whatever_befell_what_is_kept_the_store_and_the_next_run_have_the_same(
    machines: Machines, tmp_path: Path
) -> None:
    machines.databases.append(made(tmp_path / "tasks.db"))
    machines.back_up()
    machines.databases.pop()
    for seed, harm in enumerate(HARMS):
        machines.change(seed)
        harm(machines.keeps)
        machines.back_up()

    assert machines.troubles() == []


@contextmanager
def longest_file(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond that, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_pack_that_has_no_room_to_grow_is_done_without_and_told(machines: Machines) -> None:
    """The pack is longer than the snapshot by now."""
    machines.change(1, rows=ROWS // 4)
    machines.back_up()
    pack = machines.keeps.pack()
    before = pack.read_bytes()
    machines.change(2)
    with longest_file(len(before) + ROW_BYTES):
        machines.back_up(is_kept=False)

    (told,) = machines.troubles()
    assert "which costs only time: [Errno 27] File too large" in told
    assert pack.read_bytes() == before
    machines.change(3)
    machines.back_up()
