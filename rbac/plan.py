"""What to change so that a principal can run commands on the VMs, decided from facts alone."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from local.errors import AzureError, ConfigError
from rbac.evaluate import (
    BLOB_READ,
    LIST_KEYS,
    RUN_COMMAND,
    VM_READ,
    Judgment,
    covers,
    describe_assignment,
    describe_scope,
    grants,
    hangs_on_condition,
    judge,
    reaches,
    vm_rights,
)
from rbac.facts import Assignment, Facts, Permission, Role

_UUID_NAMESPACE = uuid.UUID("6f0e6a3c-6d0b-5e0f-9d1c-9a1f3b0c2e77")
NARROW = Permission((VM_READ, "Microsoft.Compute/virtualMachines/instanceView/read", RUN_COMMAND))
DESCRIPTION = "Made by: invoke rbac.fix. Taken back by: invoke rbac.revoke."


@dataclass(frozen=True)
class FixOptions:
    """What was asked for: a role by name (None: whatever grants the rights, else the configured role), and where.

    `store`: the roles at the store as well.
    """

    role: str | None = None
    least_privilege: bool = False
    scope: str = "group"
    store: bool = False

    def __post_init__(self) -> None:
        if self.role and self.least_privilege:
            raise ConfigError("rbac.fix", "--role and --least-privilege name two roles", "give one of them")
        if self.scope not in ("group", "vm"):
            raise ConfigError("rbac.fix --scope", f"is {self.scope!r}", "allowed: group | vm")

    @property
    def explicit(self) -> bool:
        """Whether a certain role was asked for, so that another one with the same rights will not do."""
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
        """Whether anything is to be written to Azure."""
        return bool(self.define or self.assign)


@dataclass(frozen=True)
class Revocation:
    """The assignments that `rbac.fix` made, and those that it did not make and so leaves alone."""

    take_back: tuple[Assignment, ...]
    left_alone: tuple[Assignment, ...]


def decide(facts: Facts, options: FixOptions, wanted: Role, existing: Role | None) -> Plan:
    """The change that gives the principal `wanted` at the scope asked for; `existing` is that role as Azure has it.

    Raises ConfigError where the role or scope cannot serve, AzureError where a deny assignment or a condition blocks.
    """
    judgments = [judge(facts, right) for right in vm_rights(facts)]
    refuse_denied(judgments)
    held = judgments[0].through
    if not options.explicit and held and all(judgment.allowed for judgment in judgments):
        return Plan(facts.roles[held.role], held, warnings=_key_warnings(facts, facts.roles[held.role], held))
    _require_rights(wanted)
    scope = _assignment_scope(facts, options)
    define = None if existing and _same_actions(existing, wanted) else wanted
    if held := in_force(facts, wanted, scope, RUN_COMMAND, VM_READ):
        return Plan(wanted, held, define, warnings=_key_warnings(facts, wanted, held))
    refuse_conditional(facts, wanted, scope)
    name = assignment_name(scope, facts.principal.object_id, wanted.guid)
    made = Assignment(name, scope, facts.principal.object_id, wanted.guid)
    return Plan(wanted, made, define, made, _key_warnings(facts, wanted, made))


def revocation(facts: Facts, direct: tuple[Assignment, ...]) -> Revocation:
    """Which of the principal's own assignments (`direct`) in the group `rbac.fix` made: they bear the name it gives.

    Those at the store count where `facts` hold it, which is where it was asked for.
    """
    own = [assignment for assignment in direct if assignment.principal_id == facts.principal.object_id]
    ours = {
        assignment.id.lower(): assignment
        for assignment in own
        if is_ours(assignment) and _in_question(facts, assignment.scope)
    }
    others = {
        assignment.id.lower(): assignment
        for assignment in (*own, *facts.assignments)
        if assignment.id.lower() not in ours and what_it_opens(facts, assignment)
    }
    return Revocation(tuple(ours.values()), tuple(others.values()))


def what_it_opens(facts: Facts, assignment: Assignment) -> str | None:
    """What of that which `rbac.fix` gives somebody has through an assignment; None: nothing of it."""
    role, container = facts.roles[assignment.role], facts.accounts.container
    if any(reaches(assignment, vm) for vm in facts.vm_scopes) and grants(role, RUN_COMMAND):
        return "grants run command"
    if container and reaches(assignment, container) and grants(role, BLOB_READ, data=True):
        return "opens the blobs"
    return None


def _in_question(facts: Facts, scope: str) -> bool:
    if "/providers/microsoft.storage/" in scope.lower():
        at_store = (facts.accounts.container, facts.accounts.store)
        return scope.lower() in [known.lower() for known in at_store if known]
    return covers(facts.group_scope, scope)


def is_ours(assignment: Assignment) -> bool:
    """Whether the assignment bears the name that `rbac.fix` gives to this scope, principal and role."""
    return assignment.name == assignment_name(assignment.scope, assignment.principal_id, assignment.role)


def assignment_name(scope: str, object_id: str, role_guid: str) -> str:
    """The same GUID for the same scope, principal and role, so that a retry cannot make a second assignment."""
    return str(uuid.uuid5(_UUID_NAMESPACE, f"{scope}|{object_id}|{role_guid}".lower()))


def narrow_role(group_scope: str) -> Role:
    """The custom role of --least-privilege for one resource group; custom roles' names are unique in a tenant."""
    mark = hashlib.sha256(group_scope.lower().encode()).hexdigest()[:8]
    name = f"Pillar 9 Run Command ({group_scope.rpartition('/')[2]} {mark})"
    return Role(str(uuid.uuid5(_UUID_NAMESPACE, f"role|{group_scope}".lower())), name, (NARROW,), custom=True)


def refuse_denied(judgments: Sequence[Judgment]) -> None:
    """Raise AzureError for a right that is denied: no role helps against a deny assignment."""
    for judgment in judgments:
        if judgment.denied:
            came_back = f"{judgment.right.action} on {judgment.right.scope} is {judgment.why}"
            mend = (
                "ask who made the deny assignment (a blueprint, a managed application, a deployment stack) to lift it"
            )
            raise AzureError("rbac.fix", came_back, mend)


def _same_actions(role: Role, other: Role) -> bool:
    mine, theirs = (
        [[sorted(map(str.lower, patterns)) for patterns in vars(block).values()] for block in definition.permissions]
        for definition in (role, other)
    )
    return mine == theirs


def _require_rights(role: Role) -> None:
    lacking = [action for action in (RUN_COMMAND, VM_READ) if not grants(role, action)]
    if lacking:
        mend = "choose Virtual Machine Contributor, or a role that grants it, or run: invoke rbac.fix --least-privilege"
        raise ConfigError("rbac.fix", f"the role {role.name} does not grant {' and '.join(lacking)}", mend)


def _assignment_scope(facts: Facts, options: FixOptions) -> str:
    if options.scope == "group":
        return facts.group_scope
    if len(facts.vm_scopes) > 1:
        names = ", ".join(scope.rpartition("/")[2] for scope in facts.vm_scopes)
        raise ConfigError("rbac.fix --scope vm", f"azure.vm names several VMs: {names}", "run it once for each VM")
    return facts.vm_scopes[0]


def in_force(facts: Facts, role: Role, scope: str, *actions: str) -> Assignment | None:
    """An assignment of the role at the scope or above, also a group's, whose condition touches none of the actions."""
    held = (
        assignment
        for assignment in facts.assignments
        if assignment.role == role.guid and reaches(assignment, scope) and not hangs_on_condition(assignment, *actions)
    )
    return next(held, None)


def refuse_conditional(facts: Facts, role: Role, scope: str) -> None:
    """Raise AzureError where an assignment with a condition is in the way.

    Azure takes no second one of the same role, scope and principal.
    """
    for assignment in facts.assignments:
        same = assignment.role == role.guid and assignment.principal_id == facts.principal.object_id
        if same and covers(scope, assignment.scope) and covers(assignment.scope, scope):
            raise AzureError(
                "rbac.fix",
                f"conditional: {describe_assignment(facts, assignment)} has an ABAC condition",
                "look at it and remove the condition, or the assignment: "
                f"az role assignment delete --ids {assignment.id}",
            )


def _key_warnings(facts: Facts, role: Role, held: Assignment) -> tuple[str, ...]:
    """A warning where the role, assigned at a scope above a VM, also opens storage accounts by their keys."""
    above_a_vm = any(reaches(held, vm) and not covers(vm, held.scope) for vm in facts.vm_scopes)
    if not above_a_vm or not grants(role, LIST_KEYS):
        return ()
    holder = f"{role.name} on {describe_scope(held.scope)}"
    danger = f"{holder} can read the account keys (listKeys), and so delete every backup, of"
    advice = "narrower: invoke rbac.fix --least-privilege, or --scope vm"
    if facts.accounts.ids is None:
        return (f"{danger} any storage account there (the storage accounts cannot be read); {advice}",)
    within = [account.rpartition("/")[2] for account in facts.accounts.ids if reaches(held, account)]
    return (f"{danger} the storage account {', '.join(within)}; {advice}",) if within else ()
