"""The SHA-256 of a restored database as it stands on the disk, read by a thread of its own while SQLite checks it.

integrity_check keeps one core busy: another is then free for what would take a core from those that inflate.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.drill_program.order import BackupOrder, DatabaseOrder
from local.drill_program.restored_file import CORES
from local.drill_program.steps import judge_digest
from local.drill_program.work import Stop

READ_BACK_BYTES = 1 << 20
MEMORY_PARTS = 4
SAMPLE_BYTES = 256 << 10
SAMPLES = 5
# A core with instructions for SHA-256 does 1.4e9 bytes a second and more, one without them at most 0.75e9 (*measured*).
FAST_HASH = 1e9


@dataclass(frozen=True)
class MachinePower:
    """What this machine has for a drill: cores, bytes of memory, and the bytes that a core hashes in a second."""

    cores: int
    memory_bytes: int
    hash_rate: float


def power_here() -> MachinePower:
    """That of this machine, measured in some milliseconds."""
    return MachinePower(CORES, memory_bytes(), hash_rate())


def memory_bytes() -> int:
    """All of this machine's memory; 0 where it does not tell, which keeps no drill from its verdict."""
    try:
        return max(0, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return 0


def hash_rate() -> float:
    """The bytes that a core hashes in a second: the most of some samples, since others may be at work meanwhile."""
    sample = bytes(SAMPLE_BYTES)
    return SAMPLE_BYTES / min(seconds_to_hash(sample) for _ in range(SAMPLES))


def seconds_to_hash(sample: bytes) -> float:
    """How long the SHA-256 of a sample takes."""
    began = time.perf_counter()
    hashlib.sha256(sample).digest()
    return time.perf_counter() - began


def is_read_back(order: BackupOrder, at_once: int, power: MachinePower) -> bool:
    """Whether the SHA-256 is that of the file as it is read back, and not of what is written to it.

    Where none is recorded beside the archive, since then none may be needed at all. Else where that takes no longer
    than integrity_check: a core is free though so many backups are drilled at once, it hashes fast, and their files are
    still in memory, so that no disk is read for it. Never of a volume: its tar is read by Python, which lets only one
    thread of a process run.
    """
    if not isinstance(order, DatabaseOrder):
        return False
    if order.raw_sha256 is None:
        return True
    size = order.database_bytes
    is_in_memory = size is not None and at_once * size <= power.memory_bytes // MEMORY_PARTS
    return is_in_memory and at_once < power.cores and power.hash_rate >= FAST_HASH


def start_reading_back(path: Path, order: BackupOrder, stop: Stop) -> Future[None]:
    """Judge the file's SHA-256 on a thread of its own; the future raises as `judge_digest` and `file_sha256` do."""
    thread = ThreadPoolExecutor(1)
    judged = thread.submit(lambda: judge_digest(order, file_sha256(path, stop)))
    thread.shutdown(wait=False)
    return judged


def file_sha256(path: Path, stop: Stop) -> str:
    """A file's SHA-256; NotCarriedOutError as soon as the drill is to end.

    To close the file takes SQLite's locks off it (https://sqlite.org/howtocorrupt.html, 2.2), which guard it from
    nobody: it lies in a folder of the drill's own.
    """
    digest, buffer = hashlib.sha256(), bytearray(READ_BACK_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while True:
            stop.check()
            count = file.readinto(buffer)
            if not count:
                return digest.hexdigest()
            digest.update(view[:count])
