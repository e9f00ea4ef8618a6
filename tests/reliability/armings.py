"""What befalls a command from within its own process: a file operation that ends it, a full disk, another clock."""

from __future__ import annotations

import errno
import io
import os
import re
import resource
import shlex
import signal
import sys
from concurrent.futures import wait
from datetime import datetime, timedelta
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

from local import clock
from tests.reliability.commands import CHECKOUT
from tests.support import file_faults

READ_SECONDS = 1.0
# What the drill's own program has of that kind.
PROGRAM_SECONDS = {"SOCKET_SECONDS": READ_SECONDS, "FIRST_PAUSE_SECONDS": 0.01, "LONGEST_PAUSE_SECONDS": 0.05}


def impatient() -> None:
    """Whatever is tried again is tried again at once, and nobody is waited for longer than READ_SECONDS."""
    from azure.storage.blob import ExponentialRetry

    from local.cloud import transport
    from local.drill import bundle, program, targets
    from local.store import azure_copy, azure_retry, azure_sidecar

    setattr(ExponentialRetry, "get_backoff_time", lambda *_: 0.0)  # noqa: B010 - a method of the SDK's
    azure_sidecar.RETRY_SECONDS = (0.0,) * len(azure_sidecar.RETRY_SECONDS)  # type: ignore[assignment]
    azure_retry.LONGEST_THROTTLE_SECONDS = 0.01
    azure_copy.POLL_SECONDS = 0.01
    transport.READ_SECONDS = READ_SECONDS  # type: ignore[assignment]
    targets._SETTLE_SECONDS = 1
    text = bundle.program_source()
    for name, seconds in PROGRAM_SECONDS.items():
        text, changed = re.subn(rf"^{name} = [0-9.]+$", f"{name} = {seconds}", text, flags=re.MULTILINE)
        assert changed == 1, name
    setattr(program, "program_source", lambda: text)  # noqa: B010 - a name that it imports


def ahead() -> None:
    """A small database is copied by steps of some pages, and what is known after each of them is told and arrives."""
    from local.archive import chunks
    from local.archive.planner import Planner
    from local.backup import one_database
    from local.sqlite import snapshot
    from local.store.azure_upload import AzureUpload

    chunks.GROUP_BYTES = chunks.SMALL_BYTES
    snapshot._STEP_BYTES = chunks.SMALL_BYTES
    snapshot._COPY_CACHE_PAGES, snapshot._HELD_BACK_PAGES = 10, 20
    follow, read_early, foresee = Planner.follow, one_database._read_early, AzureUpload.foresee

    def followed(planner: Planner, *given: Any) -> None:
        for _ in range(2):  # what is read by the first is told by the second
            follow(planner, *given)
            wait([*planner._reading, *planner._telling])

    def prepared(*given: Any) -> Any:
        wait([given[1]])
        return read_early(*given)

    def foreseen(upload: AzureUpload, *given: Any) -> None:
        foresee(upload, *given)
        wait(upload._staging._staged)

    setattr(AzureUpload, "foresee", foreseen)  # noqa: B010 - a method
    setattr(Planner, "follow", followed)  # noqa: B010 - a method
    setattr(one_database, "_read_early", prepared)  # noqa: B010 - a function


def killed_at(number: int, *folders: Path) -> None:
    """SIGKILL before the file operation of that number, from 0, in one of the folders."""
    file_faults.arm(number, ["kill"], tuple(map(str, folders)))


def full_at(number: int, *folders: Path) -> None:
    """That file operation is told that the disk is full."""
    file_faults.arm(number, ["full"], tuple(map(str, folders)))


def killed_after_line(number: int) -> None:
    """SIGKILL as soon as the line of that number, from 1, is told: each line is a named step."""
    sys.stdout = _LastWords(number)


def killed_at_answer(number: int) -> None:
    """SIGKILL as soon as the container engine has answered its request of that number, from 1."""
    from docker import APIClient

    send, requests = APIClient.send, count(1)

    def answered(api: APIClient, *request: Any, **options: Any) -> Any:
        answer = send(api, *request, **options)
        if next(requests) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(APIClient, "send", answered)  # noqa: B010 - a method of the SDK's


def killed_once_sent(size_bytes: int) -> None:
    """SIGKILL as soon as so many bytes are sent over HTTP: in the middle of what fills a volume."""
    send, sent_bytes = HTTPConnection.send, 0

    def counted(connection: HTTPConnection, data: Any) -> None:
        nonlocal sent_bytes
        send(connection, data)
        sent_bytes += len(data)
        if sent_bytes >= size_bytes:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(HTTPConnection, "send", counted)  # noqa: B010 - a method of the library's


class _LastWords(io.TextIOWrapper):
    def __init__(self, lines: int) -> None:
        super().__init__(os.fdopen(os.dup(1), "wb"), "utf-8")
        self._left = lines

    def fileno(self) -> int:
        """None, so that every line comes through `write`."""
        raise io.UnsupportedOperation

    def write(self, text: str) -> int:
        written = super().write(text)
        self._left -= text.count("\n")
        if self._left <= 0:
            self.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def drill_program_killed_at(number: int, script: Path, *folders: Path) -> None:
    """The drill's own program meets SIGKILL before its file operation of that number in one of the folders."""
    names = tuple(map(str, folders))
    program = (
        f"import sys; sys.path[:0] = [{str(CHECKOUT)!r}]; from tests.support.file_faults import arm;"
        f"arm({number}, ['kill'], {names!r}); exec(sys.stdin.read())"
    )
    script.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, '-ISc', program])}\n")
    script.chmod(0o700)
    sys.executable = str(script)


def shifted(by: timedelta) -> None:
    """This machine's clock is that much ahead of the true time."""
    now = clock.now
    clock.now = lambda: now() + by


def read_only(*folders: Path) -> None:
    """Nothing can be written to these folders, not even by root."""
    names = tuple(map(str, folders))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in file_faults.CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if writes and str(arguments[0]).startswith(names):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), arguments[0])

    sys.addaudithook(hook)


def stepping(*moments: datetime) -> None:
    """The clock tells these moments in turn, and the last one from then on: it jumps, or midnight comes in between."""
    left = list(moments)
    clock.now = lambda: left.pop(0) if len(left) > 1 else left[0]


def small_files(size_bytes: int) -> None:
    """No file grows beyond that, as on a full disk: SQLite's own writes meet it too."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
