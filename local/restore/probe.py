"""The application's own word after a live restore: a command that must end with 0 within its time."""

from __future__ import annotations

import os
import selectors
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from local.cloud.redact import scrub
from local.interrupt import if_abandoned
from local.restore.result import ProbeResult

_HEAD_BYTES = 4096
_TAIL_BYTES = 4096
_PIECE_BYTES = 65536
_LOOK_SECONDS = 0.05
_CREDENTIALS = ("AZURE_", "PILLAR9_", "INVOKE_")


@dataclass
class _Output:
    """What a program prints, of which the beginning and the end are kept, however much it is."""

    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    dropped_bytes: int = 0

    def add(self, piece: bytes) -> None:
        room = _HEAD_BYTES - len(self.head)
        self.head += piece[:room]
        self.tail += piece[room:]
        surplus = max(0, len(self.tail) - _TAIL_BYTES)
        self.dropped_bytes += surplus
        del self.tail[:surplus]

    def text(self) -> str:
        between = f"\n[… {self.dropped_bytes:,} bytes left out …]\n".encode() if self.dropped_bytes else b""
        return scrub((bytes(self.head) + between + bytes(self.tail)).decode(errors="replace"))


def words(command: str) -> list[str]:
    """The command's words as a shell would split them, a leading `~` of each expanded; no shell sees them."""
    return [os.path.expanduser(word) for word in shlex.split(command)]  # noqa: PTH111 - Path's own raises


def missing_program(command: str) -> str | None:
    """The program of the probe, if there is none of that name that could be run; it would be looked for from home."""
    program = words(command)[0]
    found = shutil.which(Path.home() / program if "/" in program else program)
    return None if found else program


def run_probe(command: str, seconds: float) -> ProbeResult:
    """Run the probe in the home folder, without input and without our credentials, for at most `seconds`.

    It has a process group of its own, which is killed as a whole when the time is over. A command that cannot be
    started is a probe that failed, and says why.
    """
    try:
        process = subprocess.Popen(
            words(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=Path.home(),
            env=_environment(os.environ),
            process_group=0,
        )
    except OSError as error:
        return ProbeResult(command, None, "", f"it could not be started: {error.strerror}: {error.filename}")
    kill = partial(_kill_group, process.pid)
    try:
        with process, if_abandoned(kill):
            try:
                return _heard(command, process, seconds)
            except BaseException:
                kill()
                raise
    finally:
        if process.stdout:
            process.stdout.close()


def _heard(command: str, process: subprocess.Popen[bytes], seconds: float) -> ProbeResult:
    assert process.stdout
    output, deadline = _Output(), time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        os.set_blocking(process.stdout.fileno(), False)
        selector.register(process.stdout, selectors.EVENT_READ)
        # What it started may go on and hold its output open: only the probe itself is waited for.
        while process.poll() is None and time.monotonic() < deadline:
            if selector.get_map():
                _read(selector, process.stdout, output)
            else:
                time.sleep(_LOOK_SECONDS)
        ended = process.poll() is not None
        if not ended:
            _kill_group(process.pid)
            process.wait()
        while selector.get_map() and _read(selector, process.stdout, output):
            pass
    return _result(command, process.returncode if ended else None, output.text(), seconds)


def _read(selector: selectors.BaseSelector, stream: IO[bytes], output: _Output) -> bool:
    """Take what is there, waiting a moment for it; whether there was any."""
    if not selector.select(_LOOK_SECONDS):
        return False
    piece = os.read(stream.fileno(), _PIECE_BYTES)
    output.add(piece)
    if not piece:
        selector.unregister(stream)
    return bool(piece)


def _result(command: str, code: int | None, output: str, seconds: float) -> ProbeResult:
    if code is None:
        return ProbeResult(command, None, output, f"it took longer than {seconds:g} s, so it was killed")
    if code < 0:
        return ProbeResult(command, 128 - code, output, f"it was ended by {signal.Signals(-code).name}")
    return ProbeResult(command, code, output, f"it ended with {code}" if code else None)


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the user's own programs get, without what opens the store or changes this tool."""
    return {name: value for name, value in own.items() if not name.startswith(_CREDENTIALS)}


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group that only zombies are in
        os.killpg(group, signal.SIGKILL)
