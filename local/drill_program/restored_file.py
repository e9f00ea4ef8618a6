"""The file that a database is restored to: members are inflated on all cores and written in place, hashed in order."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from local.drill_program.errors import BackupWrongError
from local.drill_program.work import Work

CORES = min(os.cpu_count() or 1, 8)
IN_FLIGHT_BYTES = 48 << 20
ROOM_STEP_BYTES = 64 << 20


@dataclass(frozen=True)
class RestoredDatabase:
    """The size of a restored database and its SHA-256."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class MemberUnderWay:
    """A member that is being inflated: its bytes once it is, and the memory that it takes."""

    written: Future[list[bytes]]
    memory_bytes: int


class BackgroundDigest:
    """A SHA-256 that is fed on another core, always in order."""

    def __init__(self, cores: ThreadPoolExecutor) -> None:
        self.cores, self.digest = cores, hashlib.sha256()
        self.fed: Future[None] | None = None

    def feed(self, pieces: list[bytes]) -> None:
        """Add the next bytes, as soon as those before them are added."""
        self.wait()
        self.fed = self.cores.submit(self._update, pieces)

    def wait(self) -> None:
        """Wait until all that was fed is added."""
        if self.fed:
            self.fed.result()

    def hexdigest(self) -> str:
        """The SHA-256 of all that was fed."""
        self.wait()
        return self.digest.hexdigest()

    def _update(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.digest.update(piece)


class RestoredFile:
    """The file, which must not exist before; it stops where it would be larger than the database may be."""

    def __init__(self, work: Work) -> None:
        self.room, self.cores = work.room, work.cores
        self.limit_bytes = work.order.database_bytes
        self.digest = BackgroundDigest(work.cores)
        self.size_bytes, self.ahead_bytes = 0, 0
        self.ahead: deque[MemberUnderWay] = deque()
        self.file = os.open(work.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def claim(self, count: int) -> int:
        """The offset of the next `count` bytes.

        Raises BackupWrongError where the database would have more than were recorded, NotCarriedOutError where it
        would have more than the disk.
        """
        offset = self.size_bytes
        self.size_bytes += count
        if self.limit_bytes is not None and self.size_bytes > self.limit_bytes:
            raise BackupWrongError(f"the archive holds more than the {self.limit_bytes} bytes recorded")
        while self.limit_bytes is None and self.size_bytes > self.room.reserved_bytes:
            self.room.reserve(ROOM_STEP_BYTES, patient=False)
        return offset

    def add_member(self, pieces: Iterator[bytes], raw_bytes: int, memory_bytes: int) -> None:
        """The next `raw_bytes`, whose pieces another core makes; waits while too much is in memory already."""
        offset = self.claim(raw_bytes)
        while self.ahead and (len(self.ahead) > CORES + 1 or self.ahead_bytes + memory_bytes > IN_FLIGHT_BYTES):
            self.settle()
        self.ahead.append(MemberUnderWay(self.cores.submit(self._write, pieces, offset), memory_bytes))
        self.ahead_bytes += memory_bytes

    def append(self, raw: bytes) -> None:
        """The next bytes, which are there already."""
        while self.ahead:
            self.settle()
        write_at(self.file, raw, self.claim(len(raw)))
        self.digest.feed([raw])

    def settle(self) -> None:
        """Wait for the oldest member under way, whose bytes are the next of the digest."""
        member = self.ahead.popleft()
        self.ahead_bytes -= member.memory_bytes
        self.digest.feed(member.written.result())

    def finish(self) -> RestoredDatabase:
        """What was restored, once all of it is; BackupWrongError if that is not the size recorded."""
        while self.ahead:
            self.settle()
        sha256 = self.digest.hexdigest()
        if self.size_bytes == 0:
            raise BackupWrongError("the archive holds 0 bytes, which is no database")
        if self.limit_bytes not in (None, self.size_bytes):
            raise BackupWrongError(f"the database has {self.size_bytes} bytes, {self.limit_bytes} were recorded")
        return RestoredDatabase(self.size_bytes, sha256)

    def close(self) -> None:
        """Close the file, once nobody writes to it any more: its number may then be given to another file."""
        wait([member.written for member in self.ahead if not member.written.cancel()])
        os.close(self.file)

    def _write(self, pieces: Iterator[bytes], offset: int) -> list[bytes]:
        written = []
        for piece in pieces:
            write_at(self.file, piece, offset)
            offset += len(piece)
            written.append(piece)
        return written


def write_at(file: int, raw: bytes, offset: int) -> None:
    """Write every byte, also where the system takes only some of them at once."""
    rest = memoryview(raw)
    while rest:
        count = os.pwrite(file, rest, offset)
        rest, offset = rest[count:], offset + count
