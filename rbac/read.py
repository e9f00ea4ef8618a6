"""Reads from Graph and Azure Resource Manager all the facts that a decision needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from local.cloud.endpoints import group_scope, vm_scope
from local.errors import ConfigError
from local.location import StoreLocation
from local.settings import AzureSettings
from rbac import arm, graph
from rbac.facts import Assignment, Denial, Facts, Principal, Role
from rbac.manager import Manager
from rbac.plan import Wish, narrow_role
from rbac.rest import Rest


def principal(directory: Rest, azure: AzureSettings) -> Principal:
    """The configured service principal; ConfigError where none is configured, or not exactly one is found."""
    if not azure.service_principal:
        raise ConfigError("configuration: azure.service_principal", "is missing", "add it to invoke.yaml")
    return graph.resolve(directory, azure.service_principal)


def facts(manager: Manager, directory: Rest, azure: AzureSettings, store: StoreLocation, who: Principal) -> Facts:
    """What `who` holds at the VMs and at the store."""
    scope_of_group = group_scope(azure)
    if not azure.vms:
        raise ConfigError("configuration: azure.vm", "is missing", "add it to invoke.yaml (az vm list --output table)")
    vm_scopes = tuple(vm_scope(azure, vm) for vm in azure.vms)
    for scope in vm_scopes:
        arm.require_vm(manager, scope)
    accounts = arm.accounts(manager, scope_of_group.rpartition("/resourceGroups/")[0], store)
    scopes = (*vm_scopes, *([accounts.container] if accounts.container else []))
    return _at(manager, directory, Facts(who, scope_of_group, vm_scopes, accounts), scopes)


def group_facts(manager: Manager, directory: Rest, azure: AzureSettings, who: Principal) -> Facts:
    """What `who` holds at the resource group; the VMs need not be there any more."""
    scope = group_scope(azure)
    vm_scopes = tuple(vm_scope(azure, vm) for vm in azure.vms)
    return _at(manager, directory, Facts(who, scope, vm_scopes), (scope,))


def wanted_role(manager: Manager, azure: AzureSettings, wish: Wish) -> tuple[Role, Role | None]:
    """The role to assign, and its definition as Azure has it (None: not made yet)."""
    scope = group_scope(azure)
    if wish.least_privilege:
        role = narrow_role(scope)
        return role, arm.role_by_guid(manager, scope, role.guid)
    name = wish.role or azure.role
    found = arm.role_by_name(manager, scope, name)
    if found is None:
        mend = "az role definition list --query '[].roleName' lists the names"
        raise ConfigError(
            "configuration: azure.role", f"there is no role {name!r} that can be assigned on {scope}", mend
        )
    return found, found


def role_of(manager: Manager, scope: str, guid: str) -> Role:
    """A role definition as it is at a scope where it is assigned; one that was deleted meanwhile grants nothing."""
    return arm.role_by_guid(manager, scope, guid) or Role(guid, f"deleted role {guid}", ())


def _at(manager: Manager, directory: Rest, known: Facts, scopes: Iterable[str]) -> Facts:
    """`known` with what is in force at the scopes; everything is read there, where the caller has its rights."""
    assignments: dict[str, Assignment] = {}
    denials: dict[str, Denial] = {}
    roles: dict[str, Role] = {}
    for scope in scopes:
        for one in arm.assignments(manager, scope, known.principal.object_id):
            assignments[one.id.lower()] = one
            if one.role not in roles:
                roles[one.role] = role_of(manager, scope, one.role)
        denials |= {f"{one.scope}/{one.name}".lower(): one for one in arm.denials(manager, scope)}
    kinds = [kind for one in denials.values() for kind in (*one.principals.values(), *one.excluded.values())]
    return replace(
        known,
        assignments=tuple(assignments.values()),
        denials=tuple(denials.values()),
        roles=roles,
        groups=graph.groups(directory, known.principal) if any(kinds) else frozenset(),
    )
