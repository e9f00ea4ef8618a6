"""What to change so that a principal can run commands on the VMs, decided from facts alone."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

from local.errors import AzureError, ConfigError
from rbac.facts import Assignment, Facts, Permission, Role
from rbac.rights import LIST_KEYS, RUN_COMMAND, VM_READ, covers, describe, grants, judge, place, vm_rights

_OURS = uuid.UUID("6f0e6a3c-6d0b-5e0f-9d1c-9a1f3b0c2e77")
NARROW = Permission((VM_READ, "Microsoft.Compute/virtualMachines/instanceView/read", RUN_COMMAND))
DESCRIPTION = "Made by: invoke rbac.fix. Taken back by: invoke rbac.revoke."


@dataclass(frozen=True)
class Wish:
    """What was asked for: a role by name (None: whatever grants the rights, else the configured role), and where."""

    role: str | None = None
    least_privilege: bool = False
    scope: str = "group"

    def __post_init__(self) -> None:
        if self.role and self.least_privilege:
            raise ConfigError("rbac.fix", "--role and --least-privilege name two roles", "give one of them")
        if self.scope not in ("group", "vm"):
            raise ConfigError("rbac.fix --scope", f"is {self.scope!r}", "allowed: group | vm")

    @property
    def explicit(self) -> bool:
        return bool(self.role) or self.least_privilege


@dataclass(frozen=True)
class Plan:
    """The change to make: `define` a custom role first, then `assign`; both None where all is as it should be.

    `role` and `assignment` are what gives the rights, in force already or once the change is made.
    """

    role: Role
    assignment: Assignment
    define: Role | None = None
    assign: Assignment | None = None
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return bool(self.define or self.assign)


@dataclass(frozen=True)
class Revocation:
    """The assignments that `rbac.fix` made, and those that it did not make and so leaves alone."""

    take_back: tuple[Assignment, ...]
    left_alone: tuple[Assignment, ...]


def decide(facts: Facts, wish: Wish, wanted: Role, existing: Role | None) -> Plan:
    """The change that gives the principal `wanted` at the wished scope; `existing` is its definition as Azure has it.

    Raises ConfigError where the role or scope cannot serve, AzureError where a deny assignment or a condition blocks.
    """
    judgments = [judge(facts, right) for right in vm_rights(facts)]
    for one in judgments:
        if one.denied:
            mend = (
                "ask who made the deny assignment (a blueprint, a managed application, a deployment stack) to lift it"
            )
            raise AzureError("rbac.fix", f"{one.right.action} on {one.right.scope} is {one.why}", mend)
    held = judgments[0].through
    if not wish.explicit and held and all(one.allowed for one in judgments):
        return Plan(facts.roles[held.role], held, warnings=_key_warnings(facts, facts.roles[held.role], held.scope))
    _require_rights(wanted)
    scope = _target(facts, wish)
    define = None if existing and _same_actions(existing, wanted) else wanted
    if held := _in_force(facts, wanted, scope):
        return Plan(wanted, held, define, warnings=_key_warnings(facts, wanted, held.scope))
    _refuse_conditional(facts, wanted, scope)
    name = assignment_name(scope, facts.principal.object_id, wanted.guid)
    made = Assignment(name, scope, facts.principal.object_id, wanted.guid)
    return Plan(wanted, made, define, made, _key_warnings(facts, wanted, scope))


def revocation(facts: Facts, direct: tuple[Assignment, ...]) -> Revocation:
    """Which of the principal's own assignments (`direct`) in the group `rbac.fix` made: they bear the name it gives."""
    mine = [one for one in direct if one.principal_id == facts.principal.object_id]
    ours = [one for one in mine if covers(facts.group_scope, one.scope) and is_ours(one)]
    others = [
        one
        for one in (*mine, *facts.assignments)
        if one.id.lower() not in {own.id.lower() for own in ours}
        and any(covers(one.scope, vm) for vm in facts.vm_scopes)
        and grants(facts.roles[one.role], RUN_COMMAND)
    ]
    return Revocation(tuple(ours), tuple({one.id.lower(): one for one in others}.values()))


def is_ours(assignment: Assignment) -> bool:
    """Whether the assignment bears the name that `rbac.fix` gives to this scope, principal and role."""
    return assignment.name == assignment_name(assignment.scope, assignment.principal_id, assignment.role)


def assignment_name(scope: str, object_id: str, role_guid: str) -> str:
    """The same GUID for the same scope, principal and role, so that a retry cannot make a second assignment."""
    return str(uuid.uuid5(_OURS, f"{scope}|{object_id}|{role_guid}".lower()))


def narrow_role(group_scope: str) -> Role:
    """The custom role of --least-privilege for one resource group; custom roles' names are unique in a tenant."""
    mark = hashlib.sha256(group_scope.lower().encode()).hexdigest()[:8]
    name = f"Pillar 9 Run Command ({group_scope.rpartition('/')[2]} {mark})"
    return Role(str(uuid.uuid5(_OURS, f"role|{group_scope}".lower())), name, (NARROW,), custom=True)


def _same_actions(one: Role, other: Role) -> bool:
    mine, theirs = (
        [[sorted(map(str.lower, part)) for part in vars(block).values()] for block in role.permissions]
        for role in (one, other)
    )
    return mine == theirs


def _require_rights(role: Role) -> None:
    lacking = [action for action in (RUN_COMMAND, VM_READ) if not grants(role, action)]
    if lacking:
        mend = "choose Virtual Machine Contributor, or a role that grants it, or run: invoke rbac.fix --least-privilege"
        raise ConfigError("rbac.fix", f"the role {role.name} does not grant {' and '.join(lacking)}", mend)


def _target(facts: Facts, wish: Wish) -> str:
    if wish.scope == "group":
        return facts.group_scope
    if len(facts.vm_scopes) > 1:
        names = ", ".join(one.rpartition("/")[2] for one in facts.vm_scopes)
        raise ConfigError("rbac.fix --scope vm", f"azure.vm names several VMs: {names}", "run it once for each VM")
    return facts.vm_scopes[0]


def _in_force(facts: Facts, role: Role, scope: str) -> Assignment | None:
    """An assignment of the role at the scope or above, directly or through a group, that hangs on no condition."""
    held = (
        one for one in facts.assignments if one.role == role.guid and covers(one.scope, scope) and not one.condition
    )
    return next(held, None)


def _refuse_conditional(facts: Facts, role: Role, scope: str) -> None:
    """Azure takes no second assignment of the same role, scope and principal, so one with a condition is in the way."""
    for one in facts.assignments:
        same = one.role == role.guid and one.principal_id == facts.principal.object_id
        if same and covers(scope, one.scope) and covers(one.scope, scope):
            raise AzureError(
                "rbac.fix",
                f"conditional: {describe(facts, one)} has an ABAC condition",
                f"look at it and remove the condition, or the assignment: az role assignment delete --ids {one.id}",
            )


def _key_warnings(facts: Facts, role: Role, scope: str) -> tuple[str, ...]:
    if not grants(role, LIST_KEYS):
        return ()
    danger = f"{role.name} on {place(scope)} can read the account keys (listKeys), and so delete every backup, of"
    advice = "narrower: invoke rbac.fix --least-privilege, or --scope vm"
    if any(covers(scope, vm) and not covers(vm, scope) for vm in facts.vm_scopes):
        if facts.accounts.ids is None:
            return (f"{danger} any storage account there (the storage accounts cannot be read); {advice}",)
        within = [one.rpartition("/")[2] for one in facts.accounts.ids if covers(scope, one)]
        return (f"{danger} the storage account {', '.join(within)}; {advice}",) if within else ()
    return ()
