"""Azure RBAC's evaluation, pure: whether a principal has a right at a scope, through what, and what denies it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from rbac.conditions import restricts
from rbac.facts import EVERYONE, Assignment, DenyAssignment, Facts, Permission, Role

RUN_COMMAND = "Microsoft.Compute/virtualMachines/runCommand/action"
VM_READ = "Microsoft.Compute/virtualMachines/read"
LIST_KEYS = "Microsoft.Storage/storageAccounts/listKeys/action"
_BLOB_SERVICE = "Microsoft.Storage/storageAccounts/blobServices"
# Snapshot Blob, Put Block List and Copy Blob all need blobs/write (or blobs/add/action, for new blobs only):
# https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
BLOB_READ = f"{_BLOB_SERVICE}/containers/blobs/read"
BLOB_WRITE = f"{_BLOB_SERVICE}/containers/blobs/write"
BLOB_DELETE = f"{_BLOB_SERVICE}/containers/blobs/delete"
DELEGATION_KEY = f"{_BLOB_SERVICE}/generateUserDelegationKey/action"


@dataclass(frozen=True)
class Right:
    """An action at a scope; `data` is a data action. A scope of None is not known."""

    action: str
    scope: str | None
    data: bool = False


@dataclass(frozen=True)
class Judgment:
    """Whether a right is there (None: that could not be told), through which assignment, and why."""

    right: Right
    allowed: bool | None
    through: Assignment | None
    why: str
    denied: bool = False


def vm_rights(facts: Facts) -> tuple[Right, ...]:
    """What a remote drill needs, at each VM."""
    return tuple(Right(action, scope) for scope in facts.vm_scopes for action in (RUN_COMMAND, VM_READ))


def blob_rights(facts: Facts) -> tuple[Right, ...]:
    """What backup and drill need of the store; nothing where it is a folder.

    A user delegation key is given out for the account as a whole, so that right counts at its scope or above only.
    """
    accounts = facts.accounts
    if accounts.store is None and accounts.not_checked is None:
        return ()
    return (
        Right(BLOB_READ, accounts.container, data=True),
        Right(BLOB_WRITE, accounts.container, data=True),
        Right(DELEGATION_KEY, accounts.store),
    )


def needed_rights(facts: Facts) -> tuple[Right, ...]:
    """The rights that this product needs: at each VM, and of the store."""
    return (*vm_rights(facts), *blob_rights(facts))


def judge(facts: Facts, right: Right) -> Judgment:
    """One right, from the assignments and deny assignments in `facts`."""
    if right.scope is None:
        return Judgment(right, None, None, f"not checked: {facts.accounts.not_checked}")
    for deny in facts.deny_assignments:
        if denies(facts, deny, right) is True:
            why = f"denied by deny assignment {deny.name} on {describe_scope(deny.scope)}"
            return Judgment(right, False, None, why, denied=True)
    granting = [
        assignment
        for assignment in facts.assignments
        if reaches(assignment, right.scope) and grants(facts.roles[assignment.role], right.action, data=right.data)
    ]
    if not granting:
        return Judgment(right, False, None, "missing: no role assignment at or above this scope grants it")
    certain = [assignment for assignment in granting if not hangs_on_condition(assignment, right.action)]
    if not certain:
        why = f"conditional: {describe_assignment(facts, granting[0])} has an ABAC condition"
        return Judgment(right, None, granting[0], why)
    for deny in facts.deny_assignments:
        if denies(facts, deny, right) is None:
            why = f"uncertain: deny assignment {deny.name} names a group, and the directory does not tell the members"
            return Judgment(right, None, certain[0], why)
    return Judgment(right, True, certain[0], f"through {describe_assignment(facts, certain[0])}")


def describe_assignment(facts: Facts, assignment: Assignment) -> str:
    """An assignment as a person would name it."""
    via = "" if assignment.principal_id == facts.principal.object_id else f", held by group {assignment.principal_id}"
    role, where = facts.roles[assignment.role], describe_scope(assignment.scope)
    return f"{role.name} on {where} (assignment {assignment.name}{via})"


def describe_scope(scope: str) -> str:
    """A resource id as a person says it: its kind and its name, as in "VM vm-alai-support"."""
    parts = scope.strip("/")
    if not parts:
        return "root /"
    kind, name = ["root", "/", *parts.split("/")][-2:]
    plain = {"subscriptions": "subscription", "resourcegroups": "resource group", "virtualmachines": "VM"}
    plain |= {"storageaccounts": "storage account", "containers": "container", "managementgroups": "management group"}
    return f"{plain.get(kind.lower(), kind)} {name}"


def reaches(held: Assignment | DenyAssignment, target: str) -> bool:
    """Whether an assignment is in force at `target`: made at or above it, or listed in its subscription from above."""
    if covers(held.scope, target):
        return True
    return not _subscription(held.scope) and _subscription(target) in map(_subscription, held.listed_at)


def hangs_on_condition(assignment: Assignment, *actions: str) -> bool:
    """Whether the assignment's condition may refuse one of the actions that its role grants."""
    return any(restricts(assignment.condition, partial(_is_about, action)) for action in actions)


def covers(scope: str, target: str) -> bool:
    """Whether `scope` is `target` or above it; Azure ignores case in resource ids."""
    above, below = scope.lower().rstrip("/"), target.lower().rstrip("/")
    return below == above or below.startswith(f"{above}/")


def grants(role: Role, action: str, *, data: bool = False) -> bool:
    """Whether the role's definition contains the action; one block's notActions take nothing from another block."""
    return any(_permits(block, action, data) for block in role.permissions)


def denies(facts: Facts, deny: DenyAssignment, right: Right) -> bool | None:
    """Whether a deny assignment stands against the right; None where that hangs on an unknown membership."""
    scope = right.scope or ""
    if not reaches(deny, scope) or not any(_permits(block, right.action, right.data) for block in deny.permissions):
        return False
    if not deny.child_scopes_too and not covers(scope, deny.scope):
        return False
    named, excluded = _names_principal(facts, deny.principals), _names_principal(facts, deny.excluded)
    if named is False or excluded is True:
        return False
    return True if named is True and excluded is False else None


def _names_principal(facts: Facts, principals: Mapping[str, bool]) -> bool | None:
    members = facts.groups or frozenset()
    through_groups = {assignment.principal_id for assignment in facts.assignments}
    own = {facts.principal.object_id, EVERYONE, *members, *through_groups}
    if not own.isdisjoint(principals):
        return True
    return None if facts.groups is None and any(principals.values()) else False


def _subscription(scope: str) -> str:
    """The subscription's part of a resource id, empty for what is above all subscriptions (a management group)."""
    found = re.match(r"/subscriptions/[^/]+", scope, re.IGNORECASE)
    return found[0].lower() if found else ""


def _permits(block: Permission, action: str, data: bool) -> bool:
    if data:
        return _matches(block.data_actions, action) and not _matches(block.not_data_actions, action)
    return _matches(block.actions, action) and not _matches(block.not_actions, action)


def _matches(patterns: Iterable[str], action: str) -> bool:
    return any(_is_about(action, pattern) for pattern in patterns)


def _is_about(action: str, pattern: str) -> bool:
    literal = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(literal), action, re.IGNORECASE) is not None
