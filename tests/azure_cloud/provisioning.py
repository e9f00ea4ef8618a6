"""How a test sets the tenant up, without any request: principals, groups, machines, and who holds which role."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import sys
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.azure_cloud import certificates, rights
from tests.azure_cloud.state import (
    DenyAssignment,
    Group,
    ManagementGroup,
    ResourceGroup,
    RoleAssignment,
    RoleDefinition,
    ServicePrincipal,
    StorageAccount,
    Subscription,
    TenantState,
    VirtualMachine,
)

Holder = ServicePrincipal | Group
Scope = ManagementGroup | Subscription | ResourceGroup | VirtualMachine | StorageAccount | str


def scope_id(scope: Scope) -> str:
    """The resource id that an assignment at this scope names."""
    if isinstance(scope, str):
        return scope
    return f"/subscriptions/{scope.subscription_id}" if isinstance(scope, Subscription) else scope.id


def _may_assign_only(roles: Iterable[RoleDefinition]) -> str:
    """The condition that the portal's template "Constrain roles" writes, for the assigning of roles.

    https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
    """
    write = "Microsoft.Authorization/roleAssignments/write"
    attribute = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
    guids = ", ".join(role.name for role in roles)
    return f"((!(ActionMatches{{'{write}'}})) OR ({attribute} ForAnyOfAnyValues:GuidEquals {{{guids}}}))"


def make_bin(folder: Path, programs: Iterable[str], wrappers: Mapping[str, str]) -> Path:
    """A PATH of one folder: links to the named programs, and scripts of our own under the names in `wrappers`."""
    folder.mkdir(parents=True)
    for name in programs:
        # A virtual environment's or pyenv's python3 is not what a VM has: link the interpreter itself.
        real = os.path.realpath(sys.executable) if name == "python3" else shutil.which(name)
        if real is None:
            raise FileNotFoundError(f"the program {name} is not on this machine")
        (folder / name).symlink_to(real)
    for name, text in wrappers.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


class Provisioning:
    """The part of AzureCloud that a test uses as its administrator; what it does is in force and listed at once."""

    def __init__(self, root: Path, state: TenantState) -> None:
        self.root = root
        self.state = state

    def add_group(self, display_name: str) -> Group:
        """A security group of the directory; principals join it through their `groups`."""
        group = Group(str(uuid.uuid4()), display_name)
        self.state.groups[group.object_id] = group
        return group

    def add_service_principal(
        self,
        display_name: str,
        *,
        app_id: str | None = None,
        groups: Iterable[Group] = (),
        directory_read: bool = False,
        fresh: bool = False,
    ) -> ServicePrincipal:
        """An application registered in the tenant, with its service principal and one client secret."""
        principal = ServicePrincipal(
            display_name,
            (app_id or str(uuid.uuid4())).lower(),
            str(uuid.uuid4()),
            str(uuid.uuid4()),
            f"secret~{secrets.token_urlsafe(24)}",
            groups=tuple(group.object_id for group in groups),
            directory_read=directory_read,
            fresh=fresh,
        )
        self.state.principals[principal.object_id] = principal
        return principal

    def give_certificate(self, principal: ServicePrincipal, path: Path, password: str) -> Path:
        """A certificate by which the principal may log in, with its encrypted private key in one PEM file."""
        made = certificates.for_principal(principal.display_name, path, password)
        self.state.principals[principal.object_id] = replace(principal, certificate=made)
        return path

    def federate(self, principal: ServicePrincipal) -> str:
        """A token of another issuer by which the principal may log in."""
        token = f"federated~{secrets.token_urlsafe(24)}"
        self.state.principals[principal.object_id] = replace(principal, federated_token=token)
        return token

    def add_subscription(self, display_name: str = "alai") -> Subscription:
        """A subscription of the tenant, empty."""
        subscription = Subscription(str(uuid.uuid4()), display_name)
        self.state.subscriptions[subscription.subscription_id] = subscription
        return subscription

    def add_management_group(self, name: str, *below: ManagementGroup | Subscription) -> ManagementGroup:
        """A management group above those."""
        group = ManagementGroup(name)
        self.state.parents |= {scope_id(each).lower(): group.id.lower() for each in below}
        return group

    def add_resource_group(self, subscription: Subscription, name: str) -> ResourceGroup:
        """A resource group, empty."""
        group = ResourceGroup(subscription.subscription_id, name)
        self.state.resource_groups[group.id.lower()] = group
        return group

    def add_storage_account(
        self, group: ResourceGroup, name: str, containers: Iterable[str] = ("backups",)
    ) -> StorageAccount:
        """A storage account as Resource Manager shows it; its blobs are Azurite's affair."""
        key = base64.b64encode(secrets.token_bytes(64)).decode()
        account = StorageAccount(group, name, f"https://{name}.blob.core.windows.net/", key, tuple(containers))
        self.state.storage[account.id.lower()] = account
        return account

    def add_vm(
        self,
        group: ResourceGroup,
        name: str,
        *,
        programs: Iterable[str] = ("python3",),
        environment: Mapping[str, str] | None = None,
    ) -> VirtualMachine:
        """A running VM whose PATH holds only `programs`; `programs=()` is one without python3."""
        home = self.root / "machines" / group.name / name
        path = make_bin(home / "bin", programs, {})
        vm = VirtualMachine(group, name, "running", str(path), home, dict(environment or {}))
        self.state.machines[vm.id.lower()] = vm
        return vm

    def role(self, name: str) -> RoleDefinition:
        """A role by its id or its name."""
        found = (role for role in self.state.roles.values() if name.lower() in (role.name, role.role_name.lower()))
        return next(found)

    def assign(
        self,
        holder: Holder,
        role: str,
        scope: Scope,
        *,
        only_roles: Iterable[str] | None = None,
    ) -> RoleAssignment:
        """Give a role, in force at once. `only_roles` is an ABAC condition: the roles that the holder may assign."""
        now = self.state.now()
        assignment = RoleAssignment(
            str(uuid.uuid4()),
            scope_id(scope),
            holder.object_id,
            self.role(role).name,
            created_at=now,
            effective_at=now,
            visible_at=now,
            principal_type="Group" if isinstance(holder, Group) else holder.principal_type,
            only_roles=None if only_roles is None else frozenset(self.role(role_name).name for role_name in only_roles),
            condition=None if only_roles is None else _may_assign_only(map(self.role, only_roles)),
        )
        self.state.assignments[assignment.id.lower()] = assignment
        return assignment

    def unassign(self, assignment: RoleAssignment) -> None:
        """Take a role back; tokens issued before still carry it."""
        self.state.assignments.pop(assignment.id.lower(), None)

    def deny(
        self, holder: Holder | None, scope: Scope, *, actions: Iterable[str] = (), data_actions: Iterable[str] = ()
    ) -> DenyAssignment:
        """Deny actions to one holder, or (None) to everyone, as a blueprint or a managed application does."""
        denial = DenyAssignment(
            str(uuid.uuid4()),
            "Deny assignment of the tests",
            scope_id(scope),
            (rights.EVERYONE if holder is None else holder.object_id,),
            actions=tuple(actions),
            data_actions=tuple(data_actions),
        )
        self.state.denials[denial.id.lower()] = denial
        return denial

    def allows(self, holder: ServicePrincipal, action: str, scope: Scope, *, data: bool = False) -> bool:
        """Whether a token issued now would allow it: the stand-in's own judgment, to hold the product's against."""
        with self.state.lock:
            return bool(rights.through(rights.rights_now(self.state, holder, ""), action, scope_id(scope), data=data))

    def change_vm(self, vm: VirtualMachine, **changes: object) -> VirtualMachine:
        """Replace fields of a VM, for example its environment."""
        changed = replace(vm, **changes)  # type: ignore[arg-type]
        self.state.machines[vm.id.lower()] = changed
        return changed
