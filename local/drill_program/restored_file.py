"""The file that a backup is restored to: members are inflated and written in place on all cores, hashed in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from local.drill_program.background_digest import BackgroundDigest
from local.drill_program.errors import BackupWrongError
from local.drill_program.inflate import inflate
from local.drill_program.order import BackupOrder
from local.drill_program.work import Work

CORES = min(os.cpu_count() or 1, 8)
JOB_BYTES = 1 << 20  # members are small: to hand over each alone costs as much as to inflate it
IN_FLIGHT_BYTES = 16 << 20
ROOM_STEP_BYTES = 64 << 20


@dataclass(frozen=True)
class RestoredContent:
    """The size of what was restored and its SHA-256, None where that is read back from the file."""

    size_bytes: int
    sha256: str | None


@dataclass(frozen=True)
class PackedMember:
    """One of our members as it stands in the archive, and the size that it claims for its content."""

    packed: memoryview
    raw_bytes: int


@dataclass(frozen=True)
class MembersUnderWay:
    """Members that are being inflated: their bytes once they are, and the memory that they take."""

    written: Future[list[bytes]]
    memory_bytes: int


class RestoredFile:
    """The file, which must not exist before; it stops where it would be larger than it may be."""

    def __init__(self, work: Work[BackupOrder]) -> None:
        self.room, self.cores, self.zlib_ng = work.room, work.cores, work.zlib_ng
        self.source, self.limit_bytes = work.order.SOURCE, work.order.database_bytes
        self.digest = None if work.read_back else BackgroundDigest()
        self.size_bytes, self.ahead_bytes, self.gathered_bytes, self.gathered_at = 0, 0, 0, 0
        self.gathered: list[PackedMember] = []
        self.ahead: deque[MembersUnderWay] = deque()
        self.file = os.open(work.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def claim(self, count: int) -> int:
        """The offset of the next `count` bytes.

        Raises BackupWrongError where there would be more than were recorded, NotCarriedOutError where there
        would be more than the disk has room for.
        """
        offset = self.size_bytes
        self.size_bytes += count
        if self.limit_bytes is not None and self.size_bytes > self.limit_bytes:
            raise BackupWrongError(f"the archive holds more than the {self.limit_bytes} bytes recorded")
        while self.limit_bytes is None and self.size_bytes > self.room.reserved_bytes:
            self.room.reserve(ROOM_STEP_BYTES, patient=False)
        return offset

    def add_member(self, member: PackedMember) -> None:
        """The content of this member is next; another core inflates it, together with some that follow."""
        offset = self.claim(member.raw_bytes)
        if not self.gathered:
            self.gathered_at = offset
        self.gathered.append(member)
        self.gathered_bytes += len(member.packed) + member.raw_bytes
        if self.gathered_bytes >= JOB_BYTES:
            self.hand_over()

    def hand_over(self) -> None:
        """Give the gathered members to another core; waits while too much is in memory already."""
        members, memory_bytes = self.gathered, self.gathered_bytes
        self.gathered, self.gathered_bytes = [], 0
        while self.ahead and self.ahead_bytes + memory_bytes > IN_FLIGHT_BYTES:
            self.settle()
        if members:
            written = self.cores.submit(self._write, members, self.gathered_at)
            self.ahead.append(MembersUnderWay(written, memory_bytes))
            self.ahead_bytes += memory_bytes

    def append(self, raw: bytes) -> None:
        """The next bytes, which are there already."""
        self.settle_all()
        write_at(self.file, raw, self.claim(len(raw)))
        self.hash([raw])

    def settle_all(self) -> None:
        """Wait for all members so far; raises what is wrong with the first that is."""
        self.hand_over()
        while self.ahead:
            self.settle()

    def settle(self) -> None:
        """Wait for the oldest members under way, whose bytes are the next of the digest; what is wrong stays there."""
        oldest = self.ahead[0]
        self.hash(oldest.written.result())
        self.ahead.popleft()
        self.ahead_bytes -= oldest.memory_bytes

    def hash(self, pieces: Sequence[bytes]) -> None:
        """Add the next bytes to the digest, unless that is read back later."""
        if self.digest:
            self.digest.feed(pieces)

    def finish(self) -> RestoredContent:
        """What was restored, once all of it is; BackupWrongError if that is not the size recorded."""
        self.settle_all()
        sha256 = self.digest.hexdigest() if self.digest else None
        if self.size_bytes == 0:
            raise BackupWrongError(f"the archive holds 0 bytes, which is no {self.source}")
        if self.limit_bytes not in (None, self.size_bytes):
            raise BackupWrongError(f"the {self.source} has {self.size_bytes} bytes, {self.limit_bytes} were recorded")
        return RestoredContent(self.size_bytes, sha256)

    def close(self) -> None:
        """Close the file, once nobody writes to it any more: its number may then be given to another file."""
        wait([members.written for members in self.ahead if not members.written.cancel()])
        os.close(self.file)

    def _write(self, members: list[PackedMember], offset: int) -> list[bytes]:
        written = []
        for member in members:
            for piece in inflate(member.packed, member.raw_bytes, self.zlib_ng):
                write_at(self.file, piece, offset)
                offset += len(piece)
                written.append(piece)
        return written


def write_at(file: int, raw: bytes | memoryview, offset: int) -> None:
    """Write every byte, also where the system takes only some of them at once."""
    rest = memoryview(raw)
    while rest:
        count = os.pwrite(file, rest, offset)
        rest, offset = rest[count:], offset + count
