"""A command as a process, and the end of it and of all that it started, wherever that went."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARKER = "PILLAR9_RUN"
UMASK = "PILLAR9_UMASK"
TERM_SECONDS = 5.0
KILL_SECONDS = 5.0
LOOK_SECONDS = 0.05
NOT_FOUND, NOT_EXECUTABLE = 127, 126
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ended:
    """How the command ended: by an exit code of its own or by a signal; both None where its time was up.

    `left_running` counts the processes that go on.
    """

    exit_code: int | None
    signal: int | None
    left_running: int


class Family:
    """A running command and whatever it starts, found by descent and by a mark in the environment."""

    def __init__(self, words: Sequence[str], folder: str, mark: str, streams: tuple[int, int]) -> None:
        self.mark = f"{MARKER}={mark}".encode()
        environment: Mapping[str, str] = {name: value for name, value in os.environ.items() if name != UMASK}
        adopt_orphans()
        before = os.umask(int(os.environ.get(UMASK) or "22", 8))
        try:
            self.process = subprocess.Popen(
                words,
                cwd=folder,
                env={**environment, MARKER: mark},
                stdin=subprocess.DEVNULL,
                stdout=streams[0],
                stderr=streams[1],
                start_new_session=True,
            )
        finally:
            os.umask(before)

    def wait(self, seconds: float) -> Ended:
        """Wait for the command, and end it and its children where it takes longer than that."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return Ended(None, None, self.end())
        # Children that end with it are given a moment to.
        alive = self.alive_after(LOOK_SECONDS)
        return Ended(code if code >= 0 else None, -code if code < 0 else None, len(alive))

    def end(self) -> int:
        """TERM for everyone, then KILL until nobody is left; how many are."""
        told: set[int] = set()
        deadline = time.monotonic() + TERM_SECONDS
        while time.monotonic() < deadline:
            alive = self.alive_after(0)
            if not alive:
                return 0
            for pid in alive - told:
                send(pid, signal.SIGTERM)
            told |= alive
            time.sleep(LOOK_SECONDS)
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            for pid in self.alive_after(0):
                send(pid, signal.SIGKILL)
            if not self.alive_after(LOOK_SECONDS):
                return 0
        return len(self.alive_after(0))

    def alive_after(self, seconds: float) -> set[int]:
        """The processes of the command that are there after so many seconds."""
        time.sleep(seconds)
        ended = self.process.poll() is not None
        found = descendants(self.mark)
        if found is not None:
            return found
        # No Linux: what stayed in its session is all that can be found.
        with suppress(OSError):
            os.killpg(self.process.pid, 0)
            return {-self.process.pid}
        return set() if ended else {self.process.pid}


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process (or, below zero, to a group); nothing where it is gone."""
    with suppress(OSError):
        os.kill(pid, number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own has ended, so that a daemon is found as well.

    https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
    """
    with suppress(ImportError, OSError, AttributeError):
        ctypes = importlib.import_module("ctypes")
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(mark: bytes) -> set[int] | None:
    """The living processes that descend from this one or carry the mark; None where no /proc tells."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[int(entry.name)] = int(parent)
    if not parents:
        return None
    family = {os.getpid()} | {pid for pid in parents if has_mark(pid, mark)}
    while True:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        if not children:
            return family - {os.getpid()}
        family |= children


def has_mark(pid: int, mark: bytes) -> bool:
    """Whether a process was started with the mark in its environment."""
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def launch_words(path: str, content: bytes, is_script: bool) -> list[str]:
    """How a file is run: a script by its #! line as Linux reads it, anything else by /bin/sh.

    The file itself is only read, since temporary folders may be mounted without the right to execute.
    """
    line = content.partition(b"\n")[0]
    if not is_script or not line.startswith(b"#!"):
        return ["/bin/sh", path]
    return [*(os.fsdecode(word) for word in line[2:].strip(b" \t").split(None, 1)), path]
