"""How a test furnishes the cloud: principals, groups, machines, roles and who holds them."""

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

from tests.azure_cloud import rights
from tests.azure_cloud.state import (
    DenyAssignment,
    Group,
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
Place = Subscription | ResourceGroup | VirtualMachine | StorageAccount | str


def scope_id(place: Place) -> str:
    if isinstance(place, str):
        return place
    return f"/subscriptions/{place.subscription_id}" if isinstance(place, Subscription) else place.id


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
    """The part of AzureCloud that sets things up, without any request."""

    def __init__(self, root: Path, state: TenantState) -> None:
        self.root = root
        self.state = state

    def add_group(self, display_name: str, *, object_id: str | None = None) -> Group:
        group = Group(object_id or str(uuid.uuid4()), display_name)
        self.state.groups[group.object_id] = group
        return group

    def add_service_principal(
        self,
        display_name: str,
        *,
        app_id: str | None = None,
        object_id: str | None = None,
        application_object_id: str | None = None,
        secret: str | None = None,
        groups: Iterable[Group] = (),
        directory_read: bool = False,
        fresh: bool = False,
    ) -> ServicePrincipal:
        principal = ServicePrincipal(
            display_name,
            (app_id or str(uuid.uuid4())).lower(),
            (object_id or str(uuid.uuid4())).lower(),
            (application_object_id or str(uuid.uuid4())).lower(),
            secret or f"secret~{secrets.token_urlsafe(24)}",
            groups=tuple(group.object_id for group in groups),
            directory_read=directory_read,
            fresh=fresh,
        )
        self.state.principals[principal.object_id] = principal
        return principal

    def add_subscription(self, display_name: str = "alai", *, subscription_id: str | None = None) -> Subscription:
        subscription = Subscription((subscription_id or str(uuid.uuid4())).lower(), display_name)
        self.state.subscriptions[subscription.subscription_id] = subscription
        return subscription

    def add_resource_group(self, subscription: Subscription, name: str) -> ResourceGroup:
        group = ResourceGroup(subscription.subscription_id, name)
        self.state.resource_groups[group.id.lower()] = group
        return group

    def add_storage_account(
        self, group: ResourceGroup, name: str, *, blob_endpoint: str | None = None, key: str | None = None
    ) -> StorageAccount:
        account = StorageAccount(
            group,
            name,
            blob_endpoint or f"https://{name}.blob.core.windows.net/",
            key or base64.b64encode(secrets.token_bytes(64)).decode(),
        )
        self.state.storage[account.id.lower()] = account
        return account

    def add_vm(
        self,
        group: ResourceGroup,
        name: str,
        *,
        power: str = "running",
        programs: Iterable[str] = ("python3",),
        wrappers: Mapping[str, str] | None = None,
        path: str | None = None,
        tmpdir: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> VirtualMachine:
        """A VM whose PATH holds only `programs` and `wrappers` (or is `path`); `programs=()` is one without python3."""
        home = self.root / "machines" / group.name / name
        shell_path = path if path is not None else str(make_bin(home / "bin", programs, wrappers or {}))
        extra = {**({"TMPDIR": str(tmpdir)} if tmpdir else {}), **(environment or {})}
        vm = VirtualMachine(group, name, power, shell_path, home, extra)
        self.state.machines[vm.id.lower()] = vm
        return vm

    def role(self, name: str) -> RoleDefinition:
        """A role by its id or its name."""
        found = (role for role in self.state.roles.values() if name.lower() in (role.name, role.role_name.lower()))
        return next(found)

    def add_role(self, role_name: str, *, actions: Iterable[str], assignable_scopes: Iterable[Place]) -> RoleDefinition:
        scopes = tuple(scope_id(place) for place in assignable_scopes)
        role = RoleDefinition(
            str(uuid.uuid4()), role_name, actions=tuple(actions), assignable_scopes=scopes, custom=True
        )
        self.state.roles[role.name] = role
        return role

    def assign(
        self,
        holder: Holder,
        role: str,
        place: Place,
        *,
        only_roles: Iterable[str] | None = None,
        name: str | None = None,
    ) -> RoleAssignment:
        """Give a role, in force at once. `only_roles` is an ABAC condition: the role ids that the holder may assign."""
        now = self.state.now()
        assignment = RoleAssignment(
            name or str(uuid.uuid4()),
            scope_id(place),
            holder.object_id,
            self.role(role).name,
            created_at=now,
            effective_at=now,
            visible_at=now,
            principal_type="Group" if isinstance(holder, Group) else holder.principal_type,
            only_roles=None if only_roles is None else frozenset(self.role(role_name).name for role_name in only_roles),
            condition=None if only_roles is None else "((!(ActionMatches{'…/roleAssignments/write'})) OR (…))",
        )
        self.state.assignments[assignment.id.lower()] = assignment
        return assignment

    def unassign(self, assignment: RoleAssignment) -> None:
        self.state.assignments.pop(assignment.id.lower(), None)

    def deny(
        self, holder: Holder | None, place: Place, *, actions: Iterable[str] = (), data_actions: Iterable[str] = ()
    ) -> DenyAssignment:
        """Deny actions to one holder, or to everyone."""
        denial = DenyAssignment(
            str(uuid.uuid4()),
            "Deny assignment of the tests",
            scope_id(place),
            (rights.EVERYONE if holder is None else holder.object_id,),
            actions=tuple(actions),
            data_actions=tuple(data_actions),
        )
        self.state.denials[denial.id.lower()] = denial
        return denial

    def allows(self, holder: ServicePrincipal, action: str, place: Place, *, data: bool = False) -> bool:
        """Whether a token issued now would allow it: the stand-in's own judgment, to hold the product's against."""
        with self.state.lock:
            return bool(rights.through(rights.rights_now(self.state, holder, ""), action, scope_id(place), data=data))

    def change_vm(self, vm: VirtualMachine, **changes: object) -> VirtualMachine:
        """Replace fields of a VM, for example its environment."""
        changed = replace(vm, **changes)  # type: ignore[arg-type]
        self.state.machines[vm.id.lower()] = changed
        return changed
