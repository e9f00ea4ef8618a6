"""`invoke drill.remote`: the drill program on the VMs, and the drill here where no whole verdict comes back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from local import clock
from local.cloud.credentials import default_credential
from local.cloud.endpoints import vm_scope
from local.cloud.redact import scrub
from local.drill.order import Target
from local.drill.record import in_order, keep_record, new_id
from local.drill.removed import judged_again
from local.drill.run import drill_here
from local.drill.targets import Selection, find_targets
from local.drill.verdict import ProgramResult
from local.errors import AzureError, ConfigError, InconclusiveError
from local.events import Event, Watch
from local.report import Drill, DrilledDatabase, DrillReport, Step, worst
from local.settings import AzureSettings, DrillSettings
from local.store.interface import Store
from local.version import TOOL
from remote.machine import LIMITS, Limits, Machine
from remote.program_runner import INBOX_FOLDER, ProgramRunner
from remote.run_command import VirtualMachine
from remote.spread import at_once, spread

Trouble = AzureError | InconclusiveError


@dataclass(frozen=True)
class Attempts:
    """What came of it: the VMs' outcomes, why others had none, what the store lacks, and what nobody drilled."""

    outcomes: tuple[tuple[str, ProgramResult], ...]
    troubles: tuple[Trouble, ...]
    missing: tuple[DrilledDatabase, ...]
    left: tuple[Target, ...]

    @property
    def drilled(self) -> tuple[DrilledDatabase, ...]:
        """What the VMs said of each database and volume."""
        return tuple(each for _, outcome in self.outcomes for each in outcome.drilled)

    @property
    def reason(self) -> str | None:
        """Why there are databases without a verdict; None where each has one."""
        unproven = [database for database in self.drilled if database.verdict == "inconclusive"]
        told = [f"{database.name}: {database.steps[-1].name}: {database.steps[-1].detail}" for database in unproven]
        if self.left:
            told += [_told(trouble) for trouble in self.troubles]
        return scrub("; ".join(dict.fromkeys(told))) or None

    @property
    def refusal(self) -> AzureError | None:
        """What to tell where Azure refused every VM, so that there is nothing to report."""
        refused = [trouble for trouble in self.troubles if isinstance(trouble, AzureError)]
        whole = self.left and not self.outcomes and len(refused) == len(self.troubles)
        return refused[0] if whole else None


def drill_remote(
    selection: Selection, azure: AzureSettings, drill: DrillSettings, watch: Watch, limits: Limits = LIMITS
) -> DrillReport:
    """Drill the selected backups on `azure.vms` and keep the record; with `drill.fallback` here what cannot be there.

    What failed there has failed. Else, with the fallback, one database or volume without a verdict has all drilled
    here, on `drill.host`: a report tells of one place. What was proven on the VMs then has a record of its own.

    Raises ConfigError where the VMs could not read the store, AzureError where Azure refused and there is no fallback,
    and what `drill_here` raises.
    """
    store = selection.repository.store
    check(store, azure)
    started, begin = clock.now(), time.monotonic()
    with closing(default_credential(azure)) as login:
        inbox, run_id = store.inbox(INBOX_FOLDER), new_id(started)
        vms = [VirtualMachine(azure, login, name) for name in azure.vms]
        machines = [Machine(ProgramRunner(vm, watch, run_id, limits.fetch, inbox), limits) for vm in vms]
        attempts = _carry_out(selection, machines, watch)
    report = _report(attempts, selection, azure.vms, started, round(time.monotonic() - begin, 3))
    reason, failed = attempts.reason, any(database.verdict == "failed" for database in attempts.drilled)
    if drill.fallback and reason and not failed:
        watch(Event("drill", f"it could not be carried out on the VM, so it runs here: {reason}"))
        if attempts.outcomes:
            keep_record(store, report, started, watch)
        return drill_here(selection, drill.host, watch, fallback=reason)
    if attempts.refusal:
        raise attempts.refusal
    keep_record(store, report, started, watch)
    return report


def check(store: Store, azure: AzureSettings) -> None:
    """Raise ConfigError unless there are VMs, and the store gives them links that they can and may use."""
    if not azure.vms:
        raise ConfigError("configuration: azure.vm", "is missing", "add it to invoke.yaml, or give --vm NAME")
    for name in azure.vms:
        vm_scope(azure, name)
    if not store.url.startswith("https://"):
        told = f"is {store.url}, which a VM cannot read"
        raise ConfigError("configuration: store.url", told, "run: invoke drill.local (or keep the backups in Azure)")
    if not store.links_may_travel:
        raise ConfigError(
            "environment: AZURE_STORAGE_SAS_TOKEN",
            "opens more than one blob, so it is not sent to a VM",
            "unset it and log in (az login), or set AZURE_STORAGE_KEY: both make a SAS for each blob",
        )


def _carry_out(selection: Selection, machines: Sequence[Machine], watch: Watch) -> Attempts:
    """Rounds: each VM its share at the same time; the share of one that couldn't goes to those that could."""
    working = {machine.name: machine for machine in machines}
    targets = find_targets(selection)
    missing, left = targets.missing, targets.found
    outcomes: list[tuple[str, ProgramResult]] = []
    troubles: list[Trouble] = []
    while left and working:
        shares = spread(left, tuple(working))
        answers = at_once({vm: partial(working[vm].drill, share) for vm, share in shares.items()})
        left = ()
        for vm, answer in answers.items():
            try:
                judged = judged_again(selection, answer.result())
                outcomes.append((vm, judged))
                verdict = worst(each.verdict for each in judged.drilled)
                watch(Event(vm, verdict, verdict=verdict))
            except (AzureError, InconclusiveError) as trouble:
                watch(Event(vm, f"could not drill: {_told(trouble)}", verdict="inconclusive"))
                troubles.append(trouble)
                left += shares[vm]
                del working[vm]
        if left and working:
            # The first round may have used up the time of their links.
            targets = find_targets(selection.only({target.name for target in left}))
            missing, left = (*missing, *targets.missing), targets.found
    return Attempts(tuple(outcomes), tuple(troubles), missing, left)


def _report(
    attempts: Attempts, selection: Selection, vms: Sequence[str], started: datetime, seconds: float
) -> DrillReport:
    undrilled = [_undrilled(target, attempts.reason or "") for target in attempts.left]
    results = (*attempts.drilled, *attempts.missing, *undrilled)
    took_part = {vm for vm, _ in attempts.outcomes}
    drill = Drill(
        id=new_id(started),
        where="remote",
        host=", ".join([vm for vm in vms if vm in took_part] or vms),
        started=clock.timestamp(started),
        seconds=seconds,
        verdict=worst(each.verdict for each in results),
        fallback=None,
        sqlite=_versions(outcome.sqlite for _, outcome in attempts.outcomes),
        python=_versions(outcome.python for _, outcome in attempts.outcomes),
        tool=TOOL,
    )
    return DrillReport(drill, in_order(selection.databases, results), in_order(selection.volumes, results))


def _versions(told: Iterable[str | None]) -> str | None:
    return ", ".join(dict.fromkeys(version for version in told if version)) or None


def _undrilled(target: Target, reason: str) -> DrilledDatabase:
    return DrilledDatabase(
        name=target.name,
        verdict="inconclusive",
        blob=target.blob,
        backup_time=target.backup_time,
        sha256=None,
        gzip_bytes=target.gzip_bytes,
        database_bytes=None,
        steps=(Step("download", "inconclusive", 0.0, reason),),
        rows={},
    )


def _told(trouble: Trouble) -> str:
    return scrub(f"{trouble}; {trouble.mend}" if trouble.mend else str(trouble))
