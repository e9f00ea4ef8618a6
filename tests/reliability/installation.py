"""An installation that is harmed on purpose, and the questions that are asked after each harm.

Each content of its database has a number, so that what comes back from the store is a known one, whole, or a loss.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

from local.settings import StoreSettings
from local.store import catalog, layout
from local.store.catalog import Point
from local.store.interface import Store
from tests.reliability import armings
from tests.reliability.commands import Arming, Ended, Order, RunningCommand, start
from tests.support.workshop import Workshop

NAME = "costs"
# What a run finds: an empty store; a backup of an hour ago, of yesterday; a database that changed since, or did not.
KINDS = ("first", "incremental", "unchanged", "next day", "unchanged next day")
# What is killed at each of its steps, requests and moments; another command is added here, with its options.
RESTORE = f"restore {NAME} --live --yes"
COMMANDS = ("backup", "drill.local", RESTORE)
# 400 rows of noise: several chunks, so that some are reused and some are sent.
_ROWS = 400
_NOISE_BYTES = 2000
_IMPATIENT: tuple[Arming, ...] = (armings.impatient,)


@dataclass(frozen=True)
class Before:
    """What was there: the number of the store's newest content, that of the live one, and its digest."""

    stored: int | None
    live: int
    live_sha256: str


@dataclass
class Installation:
    """A database, a store, and commands on them; `reached` is how they reach the store, perhaps through a proxy."""

    workshop: Workshop
    reached: StoreSettings
    cache: Path
    content: int = 0
    restores: bool = False
    _runs: count[int] = field(default_factory=count)

    @property
    def live(self) -> Path:
        """The live database."""
        return self.workshop.root / f"{NAME}.db"

    @property
    def temporary(self) -> Path:
        """Where the drill restores to."""
        return self.workshop.root / "temporary"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where a command of ours may write: its cache, its temporary files, a store that is a folder, and the live
        database with what has its name and more.
        """
        return self.cache, self.temporary, self.workshop.root / "store", self.live

    def create(self) -> None:
        """The live database with its first content."""
        self.temporary.mkdir()
        with closing(sqlite3.connect(self.live)) as connection, connection:
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("CREATE TABLE content (number INTEGER)")
            connection.execute("CREATE TABLE noise (id INTEGER PRIMARY KEY, number INTEGER, noise BLOB)")
            connection.execute("INSERT INTO content VALUES (0)")
            connection.executemany(
                "INSERT INTO noise (number, noise) VALUES (0, ?)", ((os.urandom(_NOISE_BYTES),) for _ in range(_ROWS))
            )
        self.workshop.add(NAME, self.live)

    def prepare(self, kind: str) -> None:
        """What a run of that kind finds."""
        if kind == "first":
            return
        arm = partial(armings.shifted, timedelta(days=-1) if kind.endswith("next day") else timedelta(hours=-1))
        assert self.healthy("backup", arm).code == 0
        if not kind.startswith("unchanged"):
            self.change()

    def change(self, content: int | None = None) -> None:
        """The next content, or a former one again: a row here and there, in one transaction."""
        self.content = self.content + 1 if content is None else content
        with closing(sqlite3.connect(self.live)) as connection, connection:
            connection.execute("UPDATE content SET number = ?", (self.content,))
            connection.execute("UPDATE noise SET number = ? WHERE id % 150 = 7", (self.content,))

    def healthy(self, command: str, *arm: Arming) -> Ended:
        """A whole run that meets nothing but what `arm` says, and waits as long as it does for a user."""
        return self._start(command, arm).wait()

    def start(self, command: str, *arm: Arming) -> RunningCommand:
        """A run that may meet faults; it waits for nobody for long."""
        return self._start(command, (*_IMPATIENT, *arm))

    def run(self, command: str, *arm: Arming) -> Ended:
        """The same, to its end."""
        return self.start(command, *arm).wait()

    def _start(self, command: str, arm: tuple[Arming, ...]) -> RunningCommand:
        self.restores = self.restores or command == RESTORE
        workshop = Workshop(self.workshop.root, self.reached, self.workshop.databases, self.workshop.more)
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.cache), "TMPDIR": str(self.temporary)}
        output = self.workshop.root / f"output-{next(self._runs)}"
        return start(Order(workshop.command(*command.split())[3:], output, environment, arm))

    def newest(self) -> Point | None:
        """The newest point in time in the store."""
        return catalog.choose(self.workshop.repository.points(), NAME)

    def stored(self) -> int | None:
        """The number of the content that the store's newest backup brings back, whole; None where it holds none.

        AssertionError where what comes back is not whole: this is what "lost" means.
        """
        point = self.newest()
        if point is None:
            return None
        archive = read_whole(self.workshop.store, point)
        # A run that was killed before it wrote what stands beside a day's first archive leaves its own record to speak.
        told = point.recorded.sha256
        assert told in (None, hashlib.sha256(archive).hexdigest()), "the newest is not what its metadata says"
        assert told or point.recorded.raw_sha256, "nothing is told of the newest"
        return number_of(archive, self.workshop.root / "restored.db")

    def sidecar_fits(self) -> bool:
        """Whether `sha256sum -c` by hand takes the newest backup."""
        point = self.newest()
        assert point
        line = self.workshop.store.read(layout.sidecar_name(point.entry.name))
        return line == layout.sidecar_line(point.recorded.sha256 or "", point.entry.name)

    def before(self) -> Before:
        """What a run finds, to be compared with what it leaves."""
        self.restores = False
        return Before(self.stored(), self.live_number(), hashlib.sha256(self.live.read_bytes()).hexdigest())

    def live_number(self) -> int:
        """The number of the live database's content, whole, as whoever opens it now finds it."""
        copy = self.workshop.root / "copy-of-live.db"
        for end in ("", "-wal", "-journal"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
            if Path(f"{self.live}{end}").exists():
                shutil.copyfile(f"{self.live}{end}", f"{copy}{end}")
        return number_in(copy)

    def assert_nothing_lost(self, before: Before) -> None:
        """The store's newest is whole, the old content or the new one, and the live database is as it was; after a
        restore it is whole, the former content or the restored one.
        """
        assert self.stored() in (before.stored, self.content), "the store's newest is neither the old nor the new one"
        if not self.restores:
            now = hashlib.sha256(self.live.read_bytes()).hexdigest()
            assert now == before.live_sha256, "the live database was changed"
            return
        self.content = self.live_number()
        assert self.content in (before.live, before.stored), "the live database is neither the old nor the new one"

    def assert_told_truly(self, before: Before, ended: Ended) -> None:
        """Exit 0 exactly where the new content is the newest with its sidecar; else what went wrong, in plain words."""
        assert "Traceback" not in ended.told
        self.assert_nothing_lost(before)
        assert ended.code in (0, 1, 2, 3), ended
        done = self.stored() == self.content and self.sidecar_fits()
        assert done or ended.code, ended
        # What a folder's archive says of itself stands beside it as well: a run that cannot write that has failed too.
        lacks_copy_of_record = ".db.gz.json: " in ended.told
        assert not (done and ended.code) or before.stored == self.content or lacks_copy_of_record, ended
        assert ended.code == 0 or "failed" in ended.told or "✗" in ended.told

    def assert_drills(self) -> None:
        """What the store holds passes the drill."""
        drilled = self.healthy("drill.local")
        assert drilled.code == (0 if self.newest() else 1), drilled.told

    def assert_next_run_mends(self) -> None:
        """The next run succeeds without help, and nothing of the one before is left."""
        ended = self.healthy("backup")
        assert ended.code == 0, ended.told
        assert self.stored() == self.content
        assert self.sidecar_fits()
        left = self.leftovers()
        assert not left, f"it outlived the next run: {left}"

    def leftovers(self) -> list[str]:
        """Temporary files and folders of ours, and what in the store is neither a backup nor its sidecar."""
        in_caches = [path for path in self.cache.rglob("cache/*/*") if path.name != "index"]
        packs = {path.parent: path for path in in_caches if path.name.startswith("pack-")}
        surplus = [path for path in in_caches if packs.get(path.parent) != path]
        local_files = [*self.temporary.iterdir(), *self.cache.rglob("work/*"), *surplus]
        beside = self.workshop.root.glob("*.pillar9-*")
        return [*map(str, local_files), *map(str, beside), *stray(self.workshop.store)]


def read_whole(store: Store, point: Point) -> bytes:
    """A point's archive, as the store gives it."""
    return store.read_range(point.entry, 0, point.entry.size)


def number_of(archive: bytes, target: Path) -> int:
    """The number of the content in an archive, each row of it looked at."""
    raw, rest = b"", archive
    while rest:
        member = zlib.decompressobj(wbits=31)
        raw += member.decompress(rest) + member.flush()
        rest = member.unused_data
    target.write_bytes(raw)
    return number_in(target)


def number_in(path: Path) -> int:
    """The same of a database file."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ((number,),) = connection.execute("SELECT number FROM content")
        rows = connection.execute("SELECT number FROM noise WHERE id % 150 = 7").fetchall()
        assert set(rows) == {(number,)}, "two contents are mixed"
        assert connection.execute("SELECT count(*) FROM noise").fetchone() == (_ROWS,)
    return int(number)


def stray(store: Store) -> list[str]:
    """Unfinished uploads, uncommitted blocks, temporary files: what a store holds beside backups."""
    root = getattr(store, "root", None)
    if root is not None:
        return [str(path) for path in (Path(root) / ".pillar9-new").glob("*")]
    client = getattr(store, "connection").client  # noqa: B009
    found = []
    for blob in client.list_blobs(include=["metadata", "uncommittedblobs"]):
        uncommitted: list[object] = []
        if blob.name.endswith(".db.gz"):
            uncommitted = client.get_blob_client(blob.name).get_block_list("uncommitted")[1]
        if uncommitted or layout.is_unfinished(blob.metadata or {}) or blob.name.endswith(".new"):
            found.append(f"{blob.name}: {len(uncommitted)} uncommitted blocks, metadata {blob.metadata}")
    return found
