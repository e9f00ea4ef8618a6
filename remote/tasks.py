"""`invoke drill.remote`, `drill.due` and `remote.run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from local.command_line.command import Command as Task
from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, At, Date, Only, Option
from local.settings import AzureSettings

if TYPE_CHECKING:
    from remote.command import RemoteCommand
    from remote.run import RightToRun

VMs = Annotated[Sequence[str], Option("on this VM (repeatable)", "NAME [azure.vm]", repeatable=True)]
# Whether the caller may run commands on the VMs: `rbac` tells it, which nothing here may import.
ReadRights = Callable[[AzureSettings], "Sequence[RightToRun]"]


@command(
    "drill.remote",
    CHECK,
    JSON,
    left="nothing was proven; a drill that has begun on the VM goes on for up to 45 minutes, in which the VM takes no "
    "other command, and removes its files by itself",
    work="drill",
)
def drill(invocation: Invocation, only: Only = (), vm: VMs = (), date: Date = None, at: At = None) -> int:
    """Prove the same on the Azure VM, through Run Command."""
    from local import report
    from local.drill import selection
    from local.output import tables
    from remote.drill import check, drill_remote

    configured = invocation.settings
    azure = msgspec.structs.replace(configured.azure, vm=tuple(vm or configured.azure.vms))
    with invocation.telling("drill", selection.newest_of(configured, only, date, at)) as tell:
        chosen = selection.select(configured, only, date, at)
        check(chosen.repository.store, azure)
        if invocation.check:
            return selection.show(chosen, invocation.screen, "remote", ", ".join(azure.vms))
        with invocation.screen.watching() as watch:
            drilled = drill_remote(selection.watched(chosen, watch), azure, configured.drill, watch)
        tell(drilled)
        invocation.screen.show(drilled, tables.drill)
    return report.exit_code(drilled.drill.verdict)


def run(read_rights: ReadRights) -> Task:
    """The command `remote.run`, whose `--check` is told by `read_rights` who may run what."""

    @command(
        "remote.run",
        CHECK,
        JSON,
        left="a command that has begun on a VM goes on there to its end, or until --timeout, in which the VM takes no "
        "other, and removes its files by itself",
        work="remote.run",
    )
    def run(
        invocation: Invocation,
        command: Annotated[
            str | None,
            Option("one text for /bin/sh on the VM; also without --command: remote.run TEXT", "TEXT", bare=True),
        ] = None,
        script: Annotated[
            str | None, Option("run this file there instead, by the interpreter in its #! line", "FILE")
        ] = None,
        vm: VMs = (),
        timeout: Annotated[
            int, Option("how long it may take; then it is ended, with all that it started", "SECONDS")
        ] = 600,
    ) -> int:
        """Run a shell command on the VM(s), with its real exit code and its whole output."""
        from local.store.open import open_store
        from remote import run_text
        from remote.run import check_run, preview, run_everywhere

        configured = invocation.settings
        wanted = _wanted(command, script, timeout)
        azure = msgspec.structs.replace(configured.azure, vm=tuple(dict.fromkeys(vm)) or configured.azure.vms)
        check_run(azure, wanted)
        if invocation.check:
            report = preview(read_rights(azure))
        else:
            with invocation.screen.watching() as watch:
                report = run_everywhere(wanted, azure, lambda: open_store(configured.store, azure), watch)
        invocation.screen.show(report, run_text.show)
        return report.exit_code

    return run


def _wanted(text: str | None, script: str | None, timeout: int) -> RemoteCommand:
    """What is to run, by the options; ConfigError where they cannot be meant."""
    import os

    from local.errors import ConfigError
    from remote.command import LONGEST_TIMEOUT_SECONDS, RemoteCommand

    if (text is None) == (script is None):
        told = "is missing" if text is None else "and --script are both given"
        raise ConfigError("COMMAND", told, 'give one: invoke remote.run "sqlite3 --version", or --script FILE')
    if text is not None and not text.strip():
        raise ConfigError("COMMAND", "is empty", 'give one: invoke remote.run "sqlite3 --version"')
    if not 1 <= timeout <= LONGEST_TIMEOUT_SECONDS:
        raise ConfigError("--timeout", f"is {timeout}", f"allowed: 1 to {LONGEST_TIMEOUT_SECONDS} seconds")
    if text is not None:
        return RemoteCommand(os.fsencode(text), False, timeout)
    return RemoteCommand(Path(str(script)).expanduser().read_bytes(), True, timeout)


@command(
    "drill.due",
    CHECK,
    JSON,
    left="the month's drill stays due; a drill that has begun on the VM goes on for up to 45 minutes",
    work="drill",
)
def due(invocation: Invocation) -> int:
    """Run this month's drill, if it is due and not yet done; then prune, where retention is configured."""
    from local.alerts.lateness import tell_of_lateness
    from local.store.open import open_repository
    from remote import due as month

    configured = invocation.settings
    repository = open_repository(configured.store, configured.azure)
    with invocation.screen.watching() as watch:
        decision = month.look(configured, repository, watch)
    with invocation.telling("drill", configured.select(decision.names) if decision.due else ()) as tell:
        outcome = month.DueOutcome(decision)
        if not invocation.check:
            with invocation.screen.watching() as watch:
                outcome = month.carry_out(decision, configured, repository, watch)
                tell_of_lateness(configured, watch)
        if outcome.drilled:
            tell(outcome.drilled)
        invocation.screen.show(month.document(outcome, check=invocation.check), month.show)
    return outcome.exit_code
