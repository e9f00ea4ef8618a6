"""A program that keeps writing to a database from another process: numbered commits that span two tables."""

from __future__ import annotations

import mmap
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_COUNTS = struct.Struct("<QQQ")  # commits acknowledged, SQLITE_BUSY seen, stop
_PATIENCE = 60.0

# One transaction is one row of live_entries and the totals of all of them, so any other prefix contradicts itself.
_PROGRAM = """
import mmap, os, sqlite3, struct, sys, time

path, mode, rate, board = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
parent = os.getppid()
with open(board, "r+b") as file:
    counts = mmap.mmap(file.fileno(), 0)
live = sqlite3.connect(path, isolation_level=None, timeout=0 if mode == "wal" else 60)
live.execute("PRAGMA journal_mode=" + mode)
live.execute("PRAGMA synchronous=" + ("normal" if mode == "wal" else "off"))
live.execute("CREATE TABLE IF NOT EXISTS live_entries(id INTEGER PRIMARY KEY, body TEXT)")
live.execute("CREATE TABLE IF NOT EXISTS live_totals(entries INTEGER, id_sum INTEGER)")
live.execute("INSERT INTO live_totals SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM live_totals)")
number = first = live.execute("SELECT entries FROM live_totals").fetchone()[0]
busy, began = 0, time.monotonic()
while os.getppid() == parent and not struct.unpack_from("<Q", counts, 16)[0]:
    try:
        live.execute("BEGIN IMMEDIATE")
        live.execute("INSERT INTO live_entries VALUES (?, ?)", (number + 1, "entry %d " % (number + 1) * 8))
        live.execute("UPDATE live_totals SET entries = entries + 1, id_sum = id_sum + ?", (number + 1,))
        live.execute("COMMIT")
        number += 1
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        busy += 1
        if live.in_transaction:
            live.execute("ROLLBACK")
    struct.pack_into("<QQ", counts, 0, number, busy)
    time.sleep(max(0.0, began + (number + busy - first) / rate - time.monotonic()))
live.close()
"""


@dataclass(frozen=True)
class LiveWriter:
    """A running writer, seen from outside."""

    path: Path
    _process: subprocess.Popen[bytes]
    _board: mmap.mmap

    @property
    def commits(self) -> int:
        """The number of the last commit that SQLite acknowledged; the next one may have happened already."""
        return self._counts()[0]

    @property
    def busy(self) -> int:
        """How often the writer was refused with SQLITE_BUSY: at once in WAL mode, after 60 s in the rollback modes."""
        return self._counts()[1]

    def wait_for(self, commits: int) -> None:
        """Return when that many commits are acknowledged; a writer that died or is blocked for a minute is an error."""
        deadline = time.monotonic() + _PATIENCE
        while self.commits < commits:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the writer stopped at {self.commits} of {commits} commits")
            time.sleep(0.002)

    def stop(self) -> None:
        """Let it finish its transaction and close the database; calling it again does nothing."""
        struct.pack_into("<Q", self._board, 16, 1)
        if self._process.wait(timeout=_PATIENCE) != 0:
            raise RuntimeError(f"the writer failed with {self._process.returncode}")

    def _counts(self) -> tuple[int, int, int]:
        commits, busy, stop = _COUNTS.unpack_from(self._board)
        return commits, busy, stop


@contextmanager
def live_writer(
    path: Path, mode: Literal["wal", "delete", "truncate", "persist"] = "wal", rate: float = 500.0
) -> Iterator[LiveWriter]:
    """A process that commits to the database `rate` times a second (or as often as it can) until the context ends."""
    with tempfile.NamedTemporaryFile(prefix="live-writer-") as file:
        file.write(bytes(_COUNTS.size))
        file.flush()
        command = [sys.executable, "-c", _PROGRAM, str(path), mode, str(rate), file.name]
        board = mmap.mmap(file.fileno(), 0)  # stays readable for who asks after the end
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            writer = LiveWriter(path, process, board)
            try:
                writer.wait_for(1)
                yield writer
                writer.stop()
            finally:
                if process.poll() is None:
                    process.kill()
