"""Processes of `invoke`, forked from one that has imported the libraries: a fraction of the CPU of a fresh one.

Of the libraries alone: each process imports all of the product anew, in its own environment, with pipes of its own, and
ends as any interpreter does. What Python reads of the environment when it starts cannot be changed by then, and
on macOS the system's own libraries survive no fork: there a fresh process is started, as by `subprocess.run`.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO

CHECKOUT = Path(__file__).parents[2]
LIBRARIES = (
    "azure.core.pipeline.policies",
    "azure.core.pipeline.transport",
    "azure.identity",
    "azure.mgmt.authorization",
    "azure.mgmt.compute",
    "azure.storage.blob",
    "concurrent.futures.thread",
    "deflate",
    "http.client",
    "invoke.main",
    "msgspec.json",
    "platformdirs",
    "rich.console",
    "rich.text",
    "sqlite3",
)
_SERVE = "--serve"
_SERVERS = {"invoke": "tests.support.fork_server"}


def run_invoke(
    *arguments: str, environment: Mapping[str, str] | None = None, program: str = "invoke"
) -> subprocess.CompletedProcess[str]:
    """The finished process of `invoke …` in the checkout; `environment` is added to that of this process.

    Another `program` is a module that does as Invoke's own does, and is a fork server where it is given a socket.
    """
    whole = {**os.environ, **(environment or {})}
    command = [sys.executable, "-m", program, *arguments]
    if sys.platform == "linux" and _read_at_the_start(whole) == (server := _server(program)).read_at_the_start:
        return server.run(command, whole)
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=whole)


@dataclass(frozen=True)
class ForkServer:
    """The process that has the libraries, and the socket on which it takes orders."""

    orders: socket.socket
    read_at_the_start: Mapping[str, str]

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Order a process, and wait until it has ended and nobody can write to its pipes any more."""
        with ExitStack() as stack, tempfile.TemporaryFile() as order:
            order.write(json.dumps({"arguments": command[3:], "environment": dict(environment)}).encode())
            order.seek(0)
            pipes = [os.pipe() for _ in range(3)]
            ends = [stack.enter_context(os.fdopen(reader, "rb")) for reader, _ in pipes]
            writers = [writer for _, writer in pipes]
            try:
                socket.send_fds(self.orders, [b"!"], [order.fileno(), *writers])
            finally:
                for writer in writers:
                    os.close(writer)
            out, err, code = _read_all(ends)
        return subprocess.CompletedProcess(list(command), int(code), _text(out), _text(err))


@functools.cache
def _server(program: str) -> ForkServer:
    """That of this process for a program, started when it is first asked."""
    here, there = socket.socketpair()
    with there:
        process = subprocess.Popen(
            [sys.executable, "-m", _SERVERS.get(program, program), _SERVE, str(there.fileno())],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[there.fileno()],
        )

    def close() -> None:
        here.close()
        process.wait()

    atexit.register(close)
    return ForkServer(here, _read_at_the_start(os.environ))


def _read_at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What the interpreter itself looks at: buffers, encodings, warnings."""
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG"))}


def _read_all(ends: Sequence[BinaryIO]) -> list[bytes]:
    content = [b""] * len(ends)

    def read(number: int) -> None:
        content[number] = ends[number].read()

    threads = [Thread(target=read, args=(number,), daemon=True) for number in range(len(ends))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return content


def _text(content: bytes) -> str:
    """As subprocess reads a text."""
    return content.decode().replace("\r\n", "\n").replace("\r", "\n")


def _await_order(orders: socket.socket) -> Sequence[str] | None:
    """In a new process for each order its arguments; None in this one, once nobody can order any more."""
    while True:
        _, files, _, _ = socket.recv_fds(orders, 1, 4)
        if not files:
            return None
        order, out, err, code = files
        if os.fork():
            for file in files:
                os.close(file)
            _reap()
            continue
        orders.close()
        if not (runner := os.fork()):
            os.close(code)
            return _become(order, out, err)
        for file in (order, out, err):
            os.close(file)
        _keep(runner, code)


def _reap() -> None:
    """Forget the keepers that are done."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(runner: int, code: int) -> None:
    """Tell the exit code of the process; end it when nobody waits for it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = os.pidfd_open(runner)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(code, 0)  # only that its reader is gone
    if ended not in dict(poll.poll()):
        os.kill(runner, signal.SIGKILL)
    _, status = os.waitpid(runner, 0)
    with suppress(BrokenPipeError):
        os.write(code, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: int, out: int, err: int) -> Sequence[str]:
    """What a fresh process would be."""
    with open(order, "rb") as file:
        ordered = json.load(file)
    os.environ.clear()
    os.environ.update(ordered["environment"])
    time.tzset()
    for new, number in ((out, 1), (err, 2)):
        os.dup2(new, number)
        os.close(new)
    arguments: Sequence[str] = ordered["arguments"]
    return arguments


def becomes_one_process(libraries: Sequence[str]) -> bool:
    """Whether this process is to go on as the one that `sys.argv` now says: in each fork that was ordered.

    False in the server once nobody can order any more; True at once where no socket was given.
    """
    if sys.argv[1:2] != [_SERVE]:
        return True
    for name in libraries:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    ordered = None
    with suppress(KeyboardInterrupt):
        ordered = _await_order(socket.socket(fileno=int(sys.argv[2])))
    if ordered is not None:
        sys.argv[1:] = ordered
    return ordered is not None


if __name__ == "__main__":
    if becomes_one_process(LIBRARIES):
        runpy.run_module("invoke", run_name="__main__", alter_sys=True)
