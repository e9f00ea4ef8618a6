"""What the backups of one kind share in a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local.backup.connection import Connection
from local.backup.upload import SnapshotUpload, Stored
from local.events import Event, Watch


class StoppedError(Exception):
    """The run was interrupted; raised in the threads that work for it."""


@dataclass(frozen=True)
class RunContext:
    """One run, as the databases see it, or the volumes; `connection` is made while the first snapshots are taken.

    `folder` is this machine's own for the store; `finish` is `SnapshotUpload.deliver`, or `SnapshotUpload.preview`
    where nothing is to be changed; with `full` a database is read also where its files are as they were; `early_bytes`
    is how much each may have compressed before it can be sent; in `caches` is what this kind's caches are.
    """

    connection: Future[Connection]
    folder: Path
    pool: Executor
    watch: Watch
    finish: Callable[[SnapshotUpload], Stored]
    stop: threading.Event
    full: bool
    early_bytes: int
    caches: Path

    def go_on(self) -> None:
        """Raise StoppedError where the run was interrupted."""
        if self.stop.is_set():
            raise StoppedError

    def tell(self, name: str, warnings: Sequence[str]) -> None:
        """What a person must know of a source, though its backup passes."""
        for text in warnings:
            self.watch(Event(name, text, lasting=True))

    def progress(self, name: str, text: str, total: int | None) -> Callable[[int], None]:
        """What hears of the bytes that are done of about `total`, and ends an interrupted run with StoppedError."""
        done = 0

        def advance(some: int) -> None:
            nonlocal done
            self.go_on()
            done += some
            if total:
                self.watch(Event(name, text, min(done, total), total))

        return advance

    @property
    def work(self) -> Path:
        """Where snapshots are; what a killed run left there the next one sweeps away."""
        return self.folder / "work"

    def work_of(self, name: str) -> TemporaryDirectory[str]:
        """A folder for the snapshot of that name. What a full disk keeps it from removing is no failure of a backup
        that is stored by then: the run's sweep tries again.
        """
        return TemporaryDirectory(dir=self.work, prefix=f"{name}-", ignore_cleanup_errors=True)

    def cache_of(self, name: str) -> Path:
        """Where this machine keeps the last archive of that name."""
        return self.caches / name

    @property
    def checking(self) -> bool:
        """Whether nothing is to be changed."""
        return self.finish is SnapshotUpload.preview
