"""The commands, in the order in which a user needs them; each stands in the `tasks.py` of its area or room.

`invoke --list` sorts them by name. To add one: write it there, and name it here and in the README.
"""

from __future__ import annotations

# ruff: noqa: E402 - from here on Ctrl-C is heard, also while all else is imported
from local import interrupt

interrupt.install()

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Annotated

import local.alerts.tasks as alerts
import local.backup.tasks as backup
import local.drill.tasks as drill
import local.page.tasks as reporting
import local.restore.tasks as restore
import local.schedule.tasks as schedule
import local.setup.tasks as setup
import local.watch.tasks as watch
import rbac.tasks as rbac
import remote.tasks as remote
from local.command_line import settings_file, uncaught
from local.command_line.command import Invocation, begin_with, collect, command
from local.command_line.options import JSON, Option
from local.command_line.telling import Tell, WatchedWork, tell_with, untold
from local.errors import PillarError
from local.output.screen import Screen
from local.settings import Settings


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
        schedule.installed(invocation),
        *doctor_checks.preconditions(configured),
        *vm_checks.preconditions(configured.azure),
    )
    found = run.examine(preconditions, show.telling(screen))
    screen.show(found, show.ending)
    return exit_code(found)


@command("test")
def run_tests(
    invocation: Invocation,
    long: Annotated[bool, Option("the long tests too, which then write docs/reliability.md")] = False,
) -> int:
    """Lint, format, types, import rules, and the tests."""
    checks = [
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
        "pytest -n 4",
    ]
    if not long:
        return _all_pass(invocation, checks)
    with TemporaryDirectory() as folder:
        tally = Path(folder, "tally")
        code = _all_pass(invocation, [*checks, "pytest -n 4 -m long --timeout 3600"], PILLAR9_TALLY=str(tally))
        if tally.exists():
            from tests.reliability import page
            from tests.unattended import page as year

            page.write(tally)
            year.write(tally)
        return code


def _all_pass(invocation: Invocation, checks: Sequence[str], **environment: str) -> int:
    """0 where each check passes; the first that does not is the last."""
    for check in checks:
        print(f"$ {check}", flush=True)
        program = f"{quote(str(Path(sys.executable).parent))}/{check}"
        if not invocation.context.run(program, warn=True, env=environment):
            return 1
    return 0


@command("bench")
def bench(
    _invocation: Invocation,
    size: Annotated[str, Option("of the benchmark's database, as in 30MB", "SIZE")] = "1GB",
    rounds: Annotated[int, Option("how often each line is measured, alternating", "COUNT")] = 3,
    part: Annotated[Sequence[str], Option("this part alone (repeatable)", "PART [all]", repeatable=True)] = (),
    write: Annotated[bool, Option("write docs/benchmark.md and docs/benchmark.svg")] = False,
) -> int:
    """The former pipeline against this one, on a real Azurite, as ratios of one run."""
    from tests.bench import run

    run.main(size=size, rounds=rounds, parts=part, write=write)
    return 0


def recover_restores(configured: Settings, screen: Screen) -> None:
    """Finish or clear away what killed restores left, of the configured databases and volumes; told, and no reason to
    stop. What may be a volume half filled is told alone.
    """
    from local.restore.claim import work_folder

    for database in configured.databases:
        if os.path.lexists(work_folder(database.path)):
            from local.restore.recover import recover

            _tell_of(database.name, partial(recover, database.path), screen)
    for volume in configured.volumes:
        from local.restore.volume_left import is_left_anywhere

        if is_left_anywhere(volume.name):
            from local.restore.volume_recover import recover_volume

            _tell_of(volume.name, partial(recover_volume, volume.name), screen)


def _tell_of(name: str, recover: Callable[[], str | None], screen: Screen) -> None:
    try:
        told = recover()
    except PillarError as error:
        screen.tell(error)
    else:
        if told:
            screen.say(f"{name}: {told}", "yellow")


def alerts_around(configured: Settings, screen: Screen, work: WatchedWork) -> AbstractContextManager[Tell]:
    """What `alerts` asks for, around a backup or a drill; where it is absent, nothing is even imported."""
    if configured.alerts is None:
        return nullcontext(untold)
    from local.alerts.around import around

    return around(configured, screen, work)


COMMANDS = (
    backup.run,  # invoke backup
    backup.list_points,  # invoke backup.list
    drill.local,  # invoke drill.local
    remote.drill,  # invoke drill.remote
    restore.restore,  # invoke restore
    rbac.check,  # invoke rbac.check
    rbac.fix,  # invoke rbac.fix
    rbac.revoke,  # invoke rbac.revoke
    schedule.install,  # invoke schedule.install
    schedule.show,  # invoke schedule.show
    schedule.remove,  # invoke schedule.remove
    remote.due,  # invoke drill.due
    version,  # invoke version
    watch.status,  # invoke status
    watch.prune,  # invoke backup.prune
    reporting.report,  # invoke report
    # rbac is above remote: only here can remote.run be told who may run what.
    remote.run(rbac.rights_to_run),  # invoke remote.run
    alerts.test,  # invoke alert.test
    doctor,  # invoke doctor
    setup.init,  # invoke init
    demo,  # invoke demo
    run_tests,  # invoke test
    bench,  # invoke bench
)

uncaught.install()
begin_with(recover_restores)
tell_with(alerts_around)
namespace = collect(COMMANDS)
# Before Invoke looks for it, which does not mind where it is not there.
if (own_settings := settings_file.given(sys.argv, namespace, os.environ)) is not None:
    settings_file.check(own_settings)
