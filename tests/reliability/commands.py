"""`invoke …` as a process of its own that can be killed, forked from one in which everything is imported already.

A start from nothing costs a second of CPU, and a thousand kills need a thousand starts. The process is real: it has its
own memory, files and locks, it ends with the exit code that a user would see, and SIGKILL ends it as it would theirs.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).parents[2]
# Whoever takes longer hangs: what is waited for in these runs is waited for without its pauses.
PATIENCE_SECONDS = 100.0
# What befalls the process from within; it is called in it before the command begins.
Arming = Callable[[], object]


@dataclass(frozen=True)
class Order:
    """What such a process is to do: the command line, its environment, and where its output goes."""

    arguments: Sequence[str]
    output: Path
    environment: Mapping[str, str]
    armings: tuple[Arming, ...] = ()


@dataclass(frozen=True)
class Ended:
    """The exit code, or the negative number of the signal that ended it, and all that was told."""

    code: int
    told: str


@dataclass
class RunningCommand:
    """One such process."""

    order: Order
    process: BaseProcess

    def kill(self) -> None:
        """SIGKILL for it and for what it started, as when a machine goes down: nothing of ours runs any more."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        self.process.kill()

    def wait(self) -> Ended:
        """How it ended; AssertionError if it does not."""
        self.process.join(PATIENCE_SECONDS)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise AssertionError(f"it hangs, and told: {self.told}")
        self.process.close()
        return Ended(code, self.told)

    @property
    def told(self) -> str:
        """What it said so far, on stdout and stderr."""
        return self.order.output.read_text() if self.order.output.exists() else ""


def start(order: Order) -> RunningCommand:
    """Begin it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.reliability.warm"])
    process = context.Process(target=_carry_out, args=(order,))
    process.start()
    return RunningCommand(order, process)


def _carry_out(order: Order) -> None:
    """In the forked process: become `invoke`, with nothing of the tests' own."""
    target = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(CHECKOUT)
    sys.argv = ["invoke", *order.arguments]
    for arm in order.armings:
        arm()
    from invoke.main import program

    program.run(sys.argv)
