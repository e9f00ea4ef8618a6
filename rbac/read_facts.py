"""Reads from Graph and Azure Resource Manager all the facts that a decision needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from local.cloud.endpoints import group_scope, vm_scope
from local.errors import AzureError, ConfigError
from local.location import StoreLocation
from local.settings import AzureSettings
from rbac import arm, graph
from rbac.clients import Clients
from rbac.facts import Assignment, DenyAssignment, Facts, Principal, Role
from rbac.plan import FixOptions, narrow_role
from rbac.store_plan import DATA_ROLE, KEY_ROLE, require_container


def configured_principal(clients: Clients, azure: AzureSettings) -> Principal:
    """The configured service principal; ConfigError where none is configured, or not exactly one is found."""
    if not azure.service_principal:
        raise ConfigError("configuration: azure.service_principal", "is missing", "add it to invoke.yaml")
    return graph.resolve(clients.graph, azure.service_principal)


def facts_at_vms(clients: Clients, azure: AzureSettings, store: StoreLocation, principal: Principal) -> Facts:
    """What the principal holds at the VMs and at the store; ConfigError where a configured VM is not there."""
    scope_of_group = group_scope(azure)
    if not azure.vms:
        raise ConfigError("configuration: azure.vm", "is missing", "add it to invoke.yaml (az vm list --output table)")
    for vm in azure.vms:
        arm.require_vm(clients, azure, vm)
    vm_scopes = tuple(vm_scope(azure, vm) for vm in azure.vms)
    accounts = arm.storage_accounts(clients, _subscription_scope(azure), store)
    scopes = (*vm_scopes, accounts.container) if accounts.container else vm_scopes
    return _facts_in_force(clients, Facts(principal, scope_of_group, vm_scopes, accounts), scopes)


def facts_at_vm(clients: Clients, azure: AzureSettings, principal: Principal, vm: str) -> Facts:
    """What a principal, be it a person, holds at one VM; ConfigError where that is not there."""
    arm.require_vm(clients, azure, vm)
    scope = vm_scope(azure, vm)
    return _facts_in_force(clients, Facts(principal, group_scope(azure), (scope,)), (scope,))


def facts_at_group(
    clients: Clients, azure: AzureSettings, principal: Principal, store: StoreLocation | None = None
) -> Facts:
    """What the principal holds at the resource group, and at a store; the VMs need not be there any more.

    Raises as `store_plan.require_container` does.
    """
    scope = group_scope(azure)
    known = Facts(principal, scope, tuple(vm_scope(azure, vm) for vm in azure.vms))
    if store is None:
        return _facts_in_force(clients, known, (scope,))
    accounts = arm.storage_accounts(clients, _subscription_scope(azure), store)
    container, _ = require_container(store, accounts)
    return _facts_in_force(clients, replace(known, accounts=accounts), (scope, container))


def wanted_role(clients: Clients, azure: AzureSettings, options: FixOptions) -> tuple[Role, Role | None]:
    """The role to assign, and its definition as Azure has it (None: not made yet)."""
    scope = group_scope(azure)
    if options.least_privilege:
        role = narrow_role(scope)
        return role, arm.role_by_guid(clients, scope, role.guid)
    name = options.role or azure.role
    found = arm.role_by_name(clients, scope, name)
    if found is None:
        mend = "az role definition list --query '[].roleName' lists the names"
        raise ConfigError(
            "configuration: azure.role", f"there is no role {name!r} that can be assigned on {scope}", mend
        )
    return found, found


def store_roles(clients: Clients, scope: str) -> tuple[Role, Role]:
    """The roles that `rbac.fix --store` assigns: for the blobs of the container, and for delegation keys."""
    return _built_in_role(clients, scope, DATA_ROLE), _built_in_role(clients, scope, KEY_ROLE)


def role_definition(clients: Clients, scope: str, guid: str) -> Role:
    """A role definition as it is at a scope where it is assigned; one that was deleted meanwhile grants nothing."""
    return arm.role_by_guid(clients, scope, guid) or Role(guid, f"deleted role {guid}", ())


def _built_in_role(clients: Clients, scope: str, guid: str) -> Role:
    role = arm.role_by_guid(clients, scope, guid)
    if role is None:
        raise AzureError("rbac.fix --store", f"this cloud has no role {guid}", "check azure.cloud and azure.endpoints")
    return role


def _subscription_scope(azure: AzureSettings) -> str:
    return group_scope(azure).rpartition("/resourceGroups/")[0]


def _facts_in_force(clients: Clients, known: Facts, scopes: Iterable[str]) -> Facts:
    """`known` with what is in force at the scopes; everything is read there, where the caller has its rights."""
    assignments: dict[str, Assignment] = {}
    denials: dict[str, DenyAssignment] = {}
    roles: dict[str, Role] = {}
    for scope in scopes:
        for assignment in arm.assignments(clients, scope, known.principal.object_id):
            key = assignment.id.lower()
            before = assignments.get(key, assignment)
            assignments[key] = replace(assignment, listed_at=assignment.listed_at | before.listed_at)
            if assignment.role not in roles:
                roles[assignment.role] = role_definition(clients, scope, assignment.role)
        denials |= {f"{deny.scope}/{deny.name}".lower(): deny for deny in arm.deny_assignments(clients, scope)}
    groups_are_named = any(
        is_group for deny in denials.values() for is_group in (*deny.principals.values(), *deny.excluded.values())
    )
    return replace(
        known,
        assignments=tuple(assignments.values()),
        deny_assignments=tuple(denials.values()),
        roles=roles,
        groups=graph.groups(clients.graph, known.principal) if groups_are_named else frozenset(),
    )
