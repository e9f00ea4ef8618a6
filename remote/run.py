"""`invoke remote.run`: one command on all of the VMs at the same time, and what came of it on each."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from local import clock
from local.cloud.credentials import default_credential
from local.cloud.endpoints import vm_scope
from local.cloud.redact import scrub
from local.drill.record import new_id
from local.errors import AzureError, ConfigError, InconclusiveError, PillarError
from local.events import Event, Watch
from local.settings import AzureSettings
from local.store.interface import Inbox, Store
from remote.command import RemoteCommand, command_script, run_command_on
from remote.program_runner import INBOX_FOLDER, ProgramRunner
from remote.run_command import PATIENCE, Patience, VirtualMachine
from remote.run_report import HostRun, RefusedHost, Run, RunReport, host_run, verdict_of
from remote.spread import at_once

OpenStore = Callable[[], Store]


@dataclass(frozen=True)
class RightToRun:
    """Whether the caller may run commands on a VM (None: that could not be told), and through what or why not."""

    vm: str
    allowed: bool | None
    why: str


@dataclass(frozen=True)
class Pace:
    """How patient the waiting for each VM is: for the command beyond its own time, and for a later part of its answer.

    The VM's program ends the command, and what it started, within 10 s; Azure tells of it half a minute later.
    """

    command: Patience = PATIENCE
    margin_seconds: float = 5 * 60
    fetch: Patience = PATIENCE

    def for_command(self, timeout_seconds: float) -> Patience:
        """Long enough for a command that may take so many seconds."""
        return replace(self.command, end=timeout_seconds + self.margin_seconds)


PACE = Pace()


def check_run(azure: AzureSettings, command: RemoteCommand) -> None:
    """Raise ConfigError unless there are VMs that are configured whole, and the command is one that can be sent."""
    if not azure.vms:
        raise ConfigError("configuration: azure.vm", "is missing", "add it to invoke.yaml, or give --vm NAME")
    for name in azure.vms:
        vm_scope(azure, name)
    command_script(command, secrets.token_hex(16), secrets.token_hex(16))


def run_everywhere(
    command: RemoteCommand, azure: AzureSettings, open_store: OpenStore, watch: Watch, pace: Pace = PACE
) -> RunReport:
    """Run the command on `azure.vms`, all at the same time.

    Nothing that one VM does, or does not, is an error here; what `check_run` raises is.
    """
    check_run(azure, command)
    started, begin = clock.now(), time.monotonic()
    run_id, inbox = new_id(started), _inbox(open_store, watch)
    patience = pace.for_command(command.timeout_seconds)
    with closing(default_credential(azure)) as login:
        vms = [VirtualMachine(azure, login, name) for name in azure.vms]
        runners = [ProgramRunner(vm, watch, run_id, pace.fetch, inbox) for vm in vms]
        answers = at_once({each.vm.name: partial(_on_one, each, command, patience) for each in runners})
    hosts = tuple(answers[name].result() for name in azure.vms)
    seconds = round(time.monotonic() - begin, 3)
    return RunReport(
        Run(id=run_id, started=clock.timestamp(started), seconds=seconds, verdict=verdict_of(hosts)), hosts
    )


def preview(rights: Sequence[RightToRun]) -> RunReport:
    """What would come of it as far as the rights say; nothing was run."""
    hosts = tuple(_would_run(right) for right in rights)
    started = clock.now()
    verdict = verdict_of(hosts)
    run = Run(id=new_id(started), started=clock.timestamp(started), seconds=0.0, verdict=verdict, check=True)
    return RunReport(run, hosts)


def _on_one(runner: ProgramRunner, command: RemoteCommand, patience: Patience) -> HostRun:
    """One VM's part; what is no whole answer has its reason."""
    name, begin = runner.vm.name, time.monotonic()
    runner.watch(Event(name, f"running it, for up to {command.timeout_seconds:g} s"))
    try:
        found = host_run(name, run_command_on(runner, command, patience), command.timeout_seconds)
    except (AzureError, InconclusiveError) as error:
        kind = RefusedHost if isinstance(error, AzureError) else HostRun
        seconds = round(time.monotonic() - begin, 3)
        found = kind(name=name, verdict="inconclusive", seconds=seconds, reason=_told(error))
    runner.watch(Event(name, found.verdict, verdict=found.verdict))
    return found


def _would_run(right: RightToRun) -> HostRun:
    if right.allowed:
        return HostRun(name=right.vm, verdict="passed", reason=f"it would run here: {right.why}")
    kind = HostRun if right.allowed is None else RefusedHost
    return kind(name=right.vm, verdict="inconclusive", reason=right.why)


def _inbox(open_store: OpenStore, watch: Watch) -> Inbox | None:
    """Where a VM hands in long output; None where the store takes none, or this login cannot open it."""
    try:
        return open_store().inbox(INBOX_FOLDER)
    except PillarError as error:
        watch(Event("store", f"long output comes in parts, since the store cannot be used: {scrub(str(error))}"))
        return None


def _told(error: PillarError) -> str:
    return scrub(f"{error}; {error.mend}" if error.mend else str(error))
