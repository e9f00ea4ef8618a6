"""The commands, in the order in which a user needs them; each stands in the `tasks.py` of its area or room.

`invoke --list` sorts them by name. To add one: write it there, and name it here and in the README.
"""

from __future__ import annotations

# ruff: noqa: E402 - from here on Ctrl-C is heard, also while all else is imported
from local import interrupt

interrupt.install()

import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Annotated

import local.backup.tasks as backup
import local.drill.tasks as drill
import local.watch.tasks as watch
import rbac.tasks as rbac
import remote.tasks as remote
from local.command_line import uncaught
from local.command_line.command import Invocation, collect, command
from local.command_line.options import JSON, Option


@command("demo")
def demo(invocation: Invocation) -> int:
    """Two live databases backed up, drilled, and one broken on purpose; needs no account."""
    from local import demo

    return demo.run(invocation.screen)


@command("version", JSON)
def version(invocation: Invocation) -> int:
    """The tool's, Python's, SQLite's and the SDKs' versions, for a bug report."""
    from local import versions

    invocation.screen.show(versions.found(), versions.show)
    return 0


@command(
    "doctor",
    JSON,
    left="nothing, or a probe in the store's .pillar9-doctor/, which an invoke doctor an hour later removes",
)
def doctor(invocation: Invocation) -> int:
    """Every precondition of backup, drill and restore, each failure with the command that mends it."""
    from local.doctor import local_checks, run, show
    from local.doctor.check import exit_code
    from rbac import doctor_checks
    from remote import vm_checks

    configured, screen = invocation.settings, invocation.screen
    preconditions = (
        *local_checks.preconditions(configured),
        *doctor_checks.preconditions(configured),
        *vm_checks.preconditions(configured.azure),
    )
    found = run.examine(preconditions, show.telling(screen))
    screen.show(found, show.ending)
    return exit_code(found)


@command("test")
def run_tests(
    invocation: Invocation,
    long: Annotated[bool, Option("then the long tests too: attacks, every platform's packages")] = False,
) -> int:
    """Lint, format, types, import rules, and the tests."""
    checks = [
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
        "pytest -n 4",
    ]
    if long:
        checks.append("pytest -n 4 -m long --timeout 3600")
    for check in checks:
        print(f"$ {check}", flush=True)
        if not invocation.context.run(f"{quote(str(Path(sys.executable).parent))}/{check}", warn=True):
            return 1
    return 0


@command("bench")
def bench(
    _invocation: Invocation,
    size: Annotated[str, Option("of the benchmark's database, as in 1GB or 30MB")] = "1GB",
    rounds: Annotated[int, Option("how often each line is measured, alternating")] = 3,
    part: Annotated[Sequence[str], Option("only this part (repeatable)", repeatable=True)] = (),
    write: Annotated[bool, Option("write docs/benchmark.md and docs/benchmark.svg")] = False,
) -> int:
    """The former pipeline against this one, on a real Azurite, as ratios of one run."""
    from tests.bench import run

    run.main(size=size, rounds=rounds, parts=part, write=write)
    return 0


COMMANDS = (
    backup.run,  # invoke backup
    backup.list_points,  # invoke backup.list
    drill.local,  # invoke drill.local
    remote.drill,  # invoke drill.remote
    rbac.check,  # invoke rbac.check
    rbac.fix,  # invoke rbac.fix
    rbac.revoke,  # invoke rbac.revoke
    version,  # invoke version
    watch.status,  # invoke status
    watch.prune,  # invoke backup.prune
    doctor,  # invoke doctor
    demo,  # invoke demo
    run_tests,  # invoke test
    bench,  # invoke bench
)

uncaught.install()
namespace = collect(COMMANDS)
