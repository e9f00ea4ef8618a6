"""Everything that keeps a drill from being carried out on the VM, by name: how it is made, and what must be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from local.store.azure import AzureStore
from local.store.interface import Entry
from tests.azure_cloud import faults
from tests.azure_cloud.faults import Fault
from tests.remote.site import LIMITS, QUICK, Site

# Quick enough to be given up in a test, and slow enough for a drill that only had to be waited for.
SHORT = replace(LIMITS, drill=replace(QUICK, busy=0.4, end=5))
HANGING = replace(LIMITS, drill=replace(QUICK, end=0.5))


@dataclass(frozen=True)
class Trouble:
    """`make` does it to a site that holds a backup; `told` is what the reason must hold."""

    name: str
    make: Callable[[Site], None]
    told: str
    refused: bool = False
    everywhere: bool = False


def _fault(fault: Fault) -> Callable[[Site], None]:
    return lambda site: site.deployment.cloud.inject(fault)


def _no_right(site: Site) -> None:
    site.deployment.cloud.unassign(site.right)


def _no_such_vm(site: Site) -> None:
    site.deployment.cloud.remove_vm(site.vm)


def _off(site: Site) -> None:
    site.deployment.cloud.set_power(site.vm, "deallocated")


def _busy(site: Site) -> None:
    site.limits = SHORT
    site.deployment.cloud.occupy(site.vm, 600)


def _no_end(fault: Fault) -> Callable[[Site], None]:
    def make(site: Site) -> None:
        site.limits = HANGING
        site.deployment.cloud.inject(fault)

    return make


def _no_python(site: Site) -> None:
    site.use_vm(site.add_vm("vm-bare", programs=()))


def _wrong_login(site: Site) -> None:
    # The store is still reached, so that only the VM is out of reach.
    site.hold_account_key()
    site.monkeypatch.setenv("AZURE_CLIENT_SECRET", "not~the~secret")


def _slow_vm(site: Site) -> None:
    """It starts the drill when the deadline that we gave it is long over."""
    site.limits = replace(LIMITS, deadline=0.001)


class ExpiredLinks(AzureStore):
    """Links that are over when the VM has them: minted long ago, or by a clock that is behind."""

    def link(self, entry: Entry, seconds: int) -> str:  # noqa: ARG002
        return super().link(entry, -5 * 60)


def _expired(site: Site) -> None:
    site.store_kind = ExpiredLinks


NO_RIGHT = Trouble("no-right", _no_right, "Microsoft.Compute/virtualMachines/runCommand/action", refused=True)
ELSEWHERE = f"PILLAR9 {'0' * 32} 1/1 {'0' * 64} c-k"
TROUBLES = (
    NO_RIGHT,
    Trouble("wrong-login", _wrong_login, "AADSTS7000215", refused=True),
    Trouble("no-such-vm", _no_such_vm, "was not found"),
    Trouble("deallocated", _off, "az vm start --resource-group alai-backups-rg"),
    Trouble("busy", _busy, "another command kept it busy"),
    Trouble("cut-short", _fault(faults.cut_short()), "cut short"),
    Trouble("no-verdict", _fault(faults.replaced_output("all is well, passed")), "result line"),
    Trouble("empty-output", _fault(faults.replaced_output("")), "result line"),
    Trouble("another-nonce", _fault(faults.replaced_output(ELSEWHERE)), "result line"),
    Trouble("truncated", _fault(faults.truncated_output(100)), "result line"),
    Trouble("throttled", _fault(faults.throttled(1).on(surface="arm", method="POST", times=50)), "TooManyRequests"),
    Trouble("azure-fails", _fault(faults.server_error(500).on(surface="arm", method="POST", times=50)), "HTTP 500"),
    Trouble("endless-poll", _no_end(faults.endless_poll()), "told no end of it"),
    Trouble("agent-stuck", _no_end(faults.agent_stuck()), "RemoveRunCommandLinuxExtension"),
    Trouble("agent-failed", _fault(faults.agent_failed()), "has not reported status"),
    Trouble("vm-deleted", _fault(faults.vm_gone()), "was not found"),
    Trouble("no-python3", _no_python, "has no python3"),
    Trouble("links-expired", _expired, "403", everywhere=True),
    Trouble("deadline", _slow_vm, "deadline"),
)
