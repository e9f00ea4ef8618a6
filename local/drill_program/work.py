"""What the five steps on one backup are given: its order, its file, and the bounds within which they work."""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from local.drill_program.errors import NotCarriedOutError
from local.drill_program.order import BackupOrder

DISK_LEFT_BYTES = 256 << 20
DISK_LEFT_SHARE = 20  # or this part of what is free, where that is less
DISK_WAIT_SECONDS = 0.2
PROGRESS_SECONDS = 0.1
Ordered = TypeVar("Ordered", bound=BackupOrder, covariant=True)


class Stop:
    """Whether the drill was ended early, by its deadline or by a signal, and why."""

    def __init__(self) -> None:
        self.reason = ""
        self.stopped = threading.Event()

    def set(self, reason: str) -> None:
        """Make every later `check` and `pause` raise for this reason."""
        self.reason = reason
        self.stopped.set()

    def is_set(self) -> bool:
        """Whether the drill is to end."""
        return self.stopped.is_set()

    def check(self) -> None:
        """Raise NotCarriedOutError if the drill is to end."""
        if self.is_set():
            raise NotCarriedOutError(self.reason)

    def pause(self, seconds: float) -> None:
        """Sleep; NotCarriedOutError as soon as the drill is to end."""
        self.stopped.wait(seconds)
        self.check()


class Disk:
    """The free bytes of the disk, shared out so that databases drilled at once do not fill it together."""

    def __init__(self, folder: str) -> None:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        self.free_bytes = free - min(DISK_LEFT_BYTES, free // DISK_LEFT_SHARE)
        self.taken_bytes = 0
        self.changed = threading.Condition()


class DiskShare:
    """What one database has reserved of the disk."""

    def __init__(self, disk: Disk, stop: Stop) -> None:
        self.disk, self.stop = disk, stop
        self.reserved_bytes = 0

    def reserve(self, count: int, patient: bool) -> None:
        """Reserve `count` more bytes; the patient wait as long as another database may give some back.

        Raises NotCarriedOutError where the disk has no room for them.
        """
        disk = self.disk
        with disk.changed:
            while disk.taken_bytes + count > disk.free_bytes:
                if not patient or not disk.taken_bytes:
                    needed = self.reserved_bytes + count
                    raise NotCarriedOutError(f"no room on the disk: {needed} bytes needed, {disk.free_bytes} free")
                self.stop.check()
                disk.changed.wait(DISK_WAIT_SECONDS)
            disk.taken_bytes += count
            self.reserved_bytes += count

    def give_back(self, count: int) -> None:
        """Give `count` bytes back."""
        with self.disk.changed:
            self.disk.taken_bytes -= count
            self.reserved_bytes -= count
            self.disk.changed.notify_all()

    def release(self) -> None:
        """Give all of it back."""
        self.give_back(self.reserved_bytes)


class ProgressLines:
    """Lines of JSON on stderr that tell how far a database is, where somebody watches."""

    def __init__(self, name: str, watched: bool) -> None:
        self.name, self.watched = name, watched
        self.told_at = 0.0

    def tell(self, step: str, done_bytes: int = 0, total_bytes: int | None = None) -> None:
        """Write a line: each start of a step and each end of a download, but not every piece of it."""
        now = time.monotonic()
        under_way = total_bytes is not None and done_bytes != total_bytes
        if not self.watched or (under_way and now - self.told_at <= PROGRESS_SECONDS):
            return
        self.told_at = now
        amount = {} if total_bytes is None else {"done": done_bytes, "total": total_bytes}
        self._write({"step": step, **amount})

    def tell_end(self, verdict: str) -> None:
        """Write the last line: what came of it."""
        if self.watched:
            self._write({"verdict": verdict})

    def _write(self, said: dict[str, Any]) -> None:
        try:
            os.write(2, (json.dumps({"name": self.name, **said}) + "\n").encode())
        except OSError:
            self.watched = False


@dataclass(frozen=True)
class Work(Generic[Ordered]):
    """One backup's drill: what is ordered, the file it is restored to, and what bounds and carries the work.

    `zlib_ng` is that module, which inflates faster than the standard library; None where it is not to be used.
    `read_back`: the SHA-256 of the content is that of the file, once it is restored, and taken while SQLite checks it.
    """

    order: Ordered
    path: Path
    stop: Stop
    room: DiskShare
    progress: ProgressLines
    cores: ThreadPoolExecutor
    zlib_ng: Any = None
    read_back: bool = False
