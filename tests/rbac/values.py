"""Plain values for the decision tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rbac.facts import Assignment, DenyAssignment, Facts, Permission, Principal, Role, StorageAccounts

SUBSCRIPTION = "/subscriptions/5ab00000-0000-4000-8000-000000000000"
GROUP = f"{SUBSCRIPTION}/resourceGroups/alai-backups-rg"
PLATFORM = "/providers/Microsoft.Management/managementGroups/platform"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-alai-support"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/alaibackups"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/backups"
WHO = Principal("0b1ec7000-object", "1a0b3018-app", "alai-backup", "a991-application")
TEAM = "9609-team"
RUN = "Microsoft.Compute/virtualMachines/runCommand/action"

VM_CONTRIBUTOR = Role(
    "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
    "Virtual Machine Contributor",
    (Permission(("Microsoft.Compute/virtualMachines/*", "Microsoft.Storage/storageAccounts/listKeys/action")),),
)
READER = Role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", (Permission(("*/read",)),))
BLOB_CONTRIBUTOR = Role(
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Contributor",
    (
        Permission(
            ("Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",),
            data_actions=("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*",),
        ),
    ),
)


def role_of(*actions: str, name: str = "custom", **patterns: tuple[str, ...]) -> Role:
    return Role(f"guid-of-{name}", name, (Permission(actions, **patterns),), custom=True)


def held(role: Role, scope: str = GROUP, **changes: Any) -> Assignment:
    return replace(Assignment(f"{role.name}-somewhere", scope, WHO.object_id, role.guid), **changes)


def deny_assignment(*actions: str, scope: str = GROUP, **changes: Any) -> DenyAssignment:
    plain = DenyAssignment("locked down", scope, (Permission(actions),), {WHO.object_id: False})
    return replace(plain, **changes)


def facts_of(*pairs: tuple[Role, Assignment], **changes: Any) -> Facts:
    plain = Facts(
        WHO,
        GROUP,
        (VM,),
        StorageAccounts((ACCOUNT,), ACCOUNT, CONTAINER),
        tuple(assignment for _, assignment in pairs),
        (),
        {role.guid: role for role, _ in pairs},
        frozenset(),
    )
    return replace(plain, **changes)
