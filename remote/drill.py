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
from local.drill import run as drill_run
from local.drill import targets as drill_targets
from local.drill.order import Target
from local.drill.targets import Choice
from local.drill.verdict import ProgramResult
from local.errors import AzureError, ConfigError, InconclusiveError
from local.events import Event, Watch
from local.report import Drill, DrilledDatabase, DrillReport, Step, worst
from local.settings import AzureSettings, Database
from local.store.azure import AzureStore
from local.store.interface import Store
from local.version import TOOL
from remote.crew import at_once, spread
from remote.on_vm import LIMITS, Limits, Machine

Trouble = AzureError | InconclusiveError


@dataclass(frozen=True)
class Tried:
    """What came of it: the VMs' outcomes, why others had none, what the store lacks, and what nobody drilled."""

    outcomes: tuple[tuple[str, ProgramResult], ...]
    troubles: tuple[Trouble, ...]
    missing: tuple[DrilledDatabase, ...]
    left: tuple[Target, ...]

    @property
    def drilled(self) -> tuple[DrilledDatabase, ...]:
        """What the VMs said of each database."""
        return tuple(one for _, outcome in self.outcomes for one in outcome.databases)

    @property
    def reason(self) -> str | None:
        """Why there are databases without a verdict; None where each has one."""
        unproven = [one for one in self.drilled if one.verdict == "inconclusive"]
        told = [f"{one.name}: {one.steps[-1].name}: {one.steps[-1].detail}" for one in unproven]
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
    store: Store,
    prefix: str,
    databases: Sequence[Database],
    choice: Choice,
    azure: AzureSettings,
    vms: Sequence[str],
    host: str,
    fallback: bool,
    watch: Watch,
    limits: Limits = LIMITS,
) -> DrillReport:
    """Drill the chosen backups on `vms` and keep the record; what cannot be is drilled on this machine with `fallback`.

    A database that failed there has failed. Else, with `fallback`, one without a verdict has all of them drilled here,
    on `host`: a report tells of one place. What was proven on the VMs then has a record of its own.

    Raises ConfigError where the VMs could not read the store, AzureError where Azure refused and there is no fallback,
    and what `drill_run.drill_here` raises.
    """
    check(store, azure, vms)
    started, begin = clock.now(), time.monotonic()
    with closing(default_credential(azure)) as login:
        machines = [Machine(azure, login, vm, watch, limits) for vm in vms]
        tried = _carry_out(store, prefix, databases, choice, machines, watch)
    report = _report(tried, databases, vms, started, round(time.monotonic() - begin, 3))
    reason, failed = tried.reason, any(one.verdict == "failed" for one in tried.drilled)
    if fallback and reason and not failed:
        watch(Event("drill", f"it could not be carried out on the VM, so it runs here: {reason}"))
        if tried.outcomes:
            drill_run.keep_record(store, report, started)
        return drill_run.drill_here(store, prefix, databases, choice, host, watch, fallback=reason)
    if tried.refusal:
        raise tried.refusal
    drill_run.keep_record(store, report, started)
    return report


def check(store: Store, azure: AzureSettings, vms: Sequence[str]) -> None:
    """Raise ConfigError unless there are VMs, and the store gives them links that they can and may use."""
    if not vms:
        raise ConfigError("configuration: azure.vm", "is missing", "add it to invoke.yaml, or give --vm NAME")
    for vm in vms:
        vm_scope(azure, vm)
    if not isinstance(store, AzureStore) or not store.url.startswith("https://"):
        told = f"is {store.url}, which a VM cannot read"
        raise ConfigError("configuration: store.url", told, "run: invoke drill.local (or keep the backups in Azure)")
    if not store.links_may_travel:
        raise ConfigError(
            "environment: AZURE_STORAGE_SAS_TOKEN",
            "opens more than one blob, so it is not sent to a VM",
            "unset it and log in (az login), or set AZURE_STORAGE_KEY: both make a SAS for each blob",
        )


def _carry_out(
    store: Store,
    prefix: str,
    databases: Sequence[Database],
    choice: Choice,
    machines: Sequence[Machine],
    watch: Watch,
) -> Tried:
    """Rounds: each VM its share at the same time; the share of one that couldn't goes to those that could."""
    working = {machine.vm: machine for machine in machines}
    chosen = drill_targets.choose(store, prefix, databases, choice)
    missing, left = chosen.missing, chosen.targets
    outcomes: list[tuple[str, ProgramResult]] = []
    troubles: list[Trouble] = []
    while left and working:
        shares = spread(left, tuple(working))
        answers = at_once({vm: partial(working[vm].drill, share) for vm, share in shares.items()})
        left = ()
        for vm, answer in answers.items():
            try:
                outcomes.append((vm, answer.result()))
            except (AzureError, InconclusiveError) as trouble:
                watch(Event(vm, f"could not drill: {_told(trouble)}"))
                troubles.append(trouble)
                left += shares[vm]
                del working[vm]
        if left and working:
            # The first round may have used up the time of their links.
            again = [database for database in databases if database.name in {target.name for target in left}]
            chosen = drill_targets.choose(store, prefix, again, choice)
            missing, left = (*missing, *chosen.missing), chosen.targets
    return Tried(tuple(outcomes), tuple(troubles), missing, left)


def _report(
    tried: Tried, databases: Sequence[Database], vms: Sequence[str], started: datetime, seconds: float
) -> DrillReport:
    undrilled = [_undrilled(target, tried.reason or "") for target in tried.left]
    results = drill_run.in_order(databases, (*tried.drilled, *tried.missing, *undrilled))
    took_part = {vm for vm, _ in tried.outcomes}
    drill = Drill(
        id=drill_run.new_id(started),
        where="remote",
        host=", ".join([vm for vm in vms if vm in took_part] or vms),
        started=clock.timestamp(started),
        seconds=seconds,
        verdict=worst(one.verdict for one in results),
        fallback=None,
        sqlite=_versions(outcome.sqlite for _, outcome in tried.outcomes),
        python=_versions(outcome.python for _, outcome in tried.outcomes),
        tool=TOOL,
    )
    return DrillReport(drill, results)


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
