"""Whether whoever is logged in may run commands on the VMs, by the facts, without running anything."""

from __future__ import annotations

from local.cloud.credentials import caller_of
from local.cloud.endpoints import endpoints_of
from local.errors import AzureError, ConfigError
from local.settings import AzureSettings
from rbac import read_facts
from rbac.clients import Clients, open_clients
from rbac.evaluate import RUN_COMMAND, Right, judge
from rbac.facts import Principal
from remote.run import RightToRun


def rights_to_run(azure: AzureSettings) -> tuple[RightToRun, ...]:
    """For each of `azure.vms` whether the caller may run commands there, through what, or why not.

    Raises ConfigError where the configuration lacks a key, AzureError where Azure does not know the caller.
    """
    with open_clients(azure) as clients:
        caller = caller_of(clients.login, endpoints_of(azure).resource_manager_scope)
        if not caller.object_id:
            raise AzureError("look up who is logged in", "the login's token names nobody", "log in again (az login)")
        principal = Principal(caller.object_id, caller.app_id, caller.name)
        return tuple(_right_at(clients, azure, principal, vm) for vm in azure.vms)


def _right_at(clients: Clients, azure: AzureSettings, principal: Principal, vm: str) -> RightToRun:
    """What cannot be read leaves the right open: the command itself may be refused or not."""
    try:
        facts = read_facts.facts_at_vm(clients, azure, principal, vm)
    except (AzureError, ConfigError) as error:
        told = f"{error}; {error.mend}" if error.mend else str(error)
        return RightToRun(vm, None, f"whether it may run here could not be told: {told}")
    (scope,) = facts.vm_scopes
    judgment = judge(facts, Right(RUN_COMMAND, scope))
    mend = (
        "" if judgment.allowed else "; ask an Azure admin for it (invoke rbac.fix gives it to azure.service_principal)"
    )
    return RightToRun(vm, judgment.allowed, f"{principal}: {RUN_COMMAND}: {judgment.why}{mend}")
