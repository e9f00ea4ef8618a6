"""A run on a folder that ends badly at its first file operation, at its second, and so on to its last.

Each case is a process of its own on a copy of the folder: killed before the operation, or told by it what a full disk
or a file system without hard links would tell. Python's audit events name the operations; nothing of ours is replaced.
"""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).parents[2]
CHANGES = frozenset({"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"})
# What is done in a folder that is open is told by the name there, in bytes, as only unpacking does.
CHANGES_IN_OPEN_FOLDERS = CHANGES | {"os.chmod", "os.chown", "os.symlink", "os.utime"}
_CASES_MAX = 300
# How a case's process tells that the run failed, and that it did what it was to do although one operation failed.
_FAILED, _WENT_ON = 10, 11


def cases(scenario: str, folder: Path, target: Path, *faults: str, every: int = 1) -> list[Path]:
    """The folder as each case left it, under `target`; the last one is of the run that came to its end.

    `scenario` is "module:function", called with the folder's path. Faults: "kill" or "full", and "no-links". With
    `every` only each so-manieth operation is one that ends it.
    """
    command = [
        sys.executable,
        "-m",
        "tests.support.file_faults",
        scenario,
        str(folder),
        str(target),
        str(every),
        *faults,
    ]
    subprocess.run(command, cwd=_CHECKOUT, check=True, timeout=200)
    return sorted(target.iterdir())


def _all_cases(scenario: Callable[[Path], None], folder: Path, target: Path, every: int, faults: list[str]) -> None:
    for number in range(0, _CASES_MAX, every):
        case = target / f"{number:03}"
        shutil.copytree(folder, case, symlinks=True, copy_function=_copy_or_link())
        process = os.fork()
        if process == 0:
            _run(scenario, case, number, faults)
        ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if ended == 0:
            return
        if ended not in (-signal.SIGKILL, _FAILED, _WENT_ON):
            raise SystemExit(f"case {number} ended with {ended}")
    raise SystemExit("it never came to its end")


def _copy_or_link() -> Callable[[str, str], object]:
    """Files that are one in the folder are one in its copy."""
    copied: dict[int, str] = {}

    def copy(source: str, target: str) -> object:
        first = copied.setdefault(Path(source).stat().st_ino, target)
        if first != target:
            os.link(first, target)
            return target
        return shutil.copy2(source, target)

    return copy


def _run(scenario: Callable[[Path], None], case: Path, number: int, faults: list[str]) -> None:
    from local.errors import PillarError

    steps = arm(number, faults, str(case))
    try:
        scenario(case)
    except PillarError:
        os._exit(_FAILED)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(_WENT_ON if len(steps) > number else 0)


def arm(number: int, faults: list[str], folder: str | tuple[str, ...]) -> list[str]:
    """From now on the operation of that number in the folder or folders meets its end; returns those begun."""
    steps: list[str] = []

    def step(what: str) -> None:
        steps.append(what)
        if len(steps) - 1 != number:
            return
        if "kill" in faults:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), what)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.link" and "no-links" in faults:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        opens_to_write = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        in_open_folder = bool(arguments) and isinstance(arguments[0], bytes)
        changes = event in (CHANGES_IN_OPEN_FOLDERS if in_open_folder else CHANGES)
        if (opens_to_write or changes) and (in_open_folder or str(arguments[0]).startswith(folder)):
            step(event)

    # A killed process leaves what it gave to the kernel, on the disk or not; waiting for the disk would prove no more.
    setattr(os, "fsync", lambda _: step("fsync"))  # noqa: B010
    sys.addaudithook(hook)
    return steps


if __name__ == "__main__":
    _, named, source, into, stride, *kinds = sys.argv
    module, _, function = named.partition(":")
    _all_cases(getattr(importlib.import_module(module), function), Path(source), Path(into), int(stride), kinds)
