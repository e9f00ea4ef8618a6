"""`invoke rbac.revoke`: takes back exactly what `rbac.fix` assigned."""

from __future__ import annotations

from dataclasses import dataclass, replace

from local.errors import AzureError
from local.location import StoreLocation
from local.settings import AzureSettings
from rbac import arm, read_facts
from rbac.apply import delete_assignment, delete_role
from rbac.clients import Clients, open_clients
from rbac.evaluate import describe_assignment
from rbac.facts import Assignment, Facts, Role
from rbac.plan import Revocation, assignment_name, narrow_role, revocation, what_it_opens
from rbac.propagation import IN_AZURE, Deadline, Propagation
from rbac.rest import RestError
from rbac.result import Line, Outcome, RevokeReport, principal_ids
from rbac.store_plan import DATA_ROLE, KEY_ROLE


@dataclass(frozen=True)
class _RevokePlan:
    """The facts, what to take back by them, and the custom role of `rbac.fix` that nothing else uses (None: none)."""

    facts: Facts
    revocation: Revocation
    unused_role: Role | None


def preview(azure: AzureSettings, *, store: StoreLocation | None = None, role: str | None = None) -> Outcome:
    """What `revoke` would take back, from the same facts by the same decision; changes nothing."""
    with open_clients(azure) as clients:
        plan = _plan(clients, azure, store, role)
    return _outcome(plan, check=True)


def revoke(
    azure: AzureSettings,
    *,
    store: StoreLocation | None = None,
    role: str | None = None,
    propagation: Propagation = IN_AZURE,
) -> Outcome:
    """Delete the assignments that bear the names `rbac.fix` gives, and its custom role where nothing else uses it.

    With a `store`, those at its container and account as well (`rbac.fix --store`).
    `role` is a role that `rbac.fix --role` was given a moment ago, which no list may show yet. Raises AzureError where
    Azure refuses, or still shows an assignment when the time for its propagation is up.
    """
    with open_clients(azure) as clients:
        plan = _plan(clients, azure, store, role)
        deadline = Deadline(propagation)
        for assignment in plan.revocation.take_back:
            delete_assignment(clients, assignment)
        for assignment in plan.revocation.take_back:
            _wait_until_gone(clients, assignment, deadline)
        if plan.unused_role and not _delete_unless_in_use(clients, plan.facts.group_scope, plan.unused_role):
            line = Line("warning", "role", f"{plan.unused_role.name} is still in use, as Azure sees it, so it stays")
            return _outcome(replace(plan, unused_role=None), line)
    return _outcome(plan)


def _plan(clients: Clients, azure: AzureSettings, store: StoreLocation | None, role: str | None) -> _RevokePlan:
    facts = read_facts.facts_at_group(clients, azure, read_facts.configured_principal(clients, azure), store)
    direct = _direct_assignments(clients, facts, {azure.role, role or azure.role})
    unread = {assignment.role for assignment in direct} - set(facts.roles)
    roles = {guid: read_facts.role_definition(clients, facts.group_scope, guid) for guid in unread}
    facts = replace(facts, roles={**facts.roles, **roles})
    decided = revocation(facts, direct)
    return _RevokePlan(facts, decided, _unused_role(clients, facts, decided))


def _direct_assignments(clients: Clients, facts: Facts, role_names: set[str]) -> tuple[Assignment, ...]:
    """The principal's own assignments, and by their names those that Azure's lists do not show yet."""
    object_id = facts.principal.object_id
    container, account = facts.accounts.container, facts.accounts.store
    listed = arm.assignments_below(clients, facts.group_scope, object_id)
    if account:
        # It may lie in another resource group.
        listed += arm.assignments_below(clients, account, object_id)
    named = [arm.role_by_name(clients, facts.group_scope, name) for name in role_names]
    guids = [narrow_role(facts.group_scope).guid, *(role.guid for role in named if role)]
    known = {assignment.id.lower() for assignment in listed}
    hidden = []
    wanted = [(scope, guid) for scope in (facts.group_scope, *facts.vm_scopes) for guid in guids]
    wanted += [(scope, guid) for scope, guid in ((container, DATA_ROLE), (account, KEY_ROLE)) if scope]
    for scope, guid in wanted:
        made = Assignment(assignment_name(scope, object_id, guid), scope, object_id, guid)
        if made.id.lower() not in known and (found := arm.assignment(clients, made.id)):
            hidden.append(found)
    return (*listed, *hidden)


def _unused_role(clients: Clients, facts: Facts, decided: Revocation) -> Role | None:
    """The custom role that `rbac.fix` made, where no assignment but those taken back uses it."""
    role = arm.role_by_guid(clients, facts.group_scope, narrow_role(facts.group_scope).guid)
    if role is None:
        return None
    ours = {assignment.id.lower() for assignment in decided.take_back}
    listed = arm.assignments_below(clients, facts.group_scope)
    users = {assignment.id.lower() for assignment in listed if assignment.role == role.guid}
    return role if users <= ours else None


def _wait_until_gone(clients: Clients, assignment: Assignment, deadline: Deadline) -> None:
    """Azure's replicas may show an assignment for a while after its deletion."""
    while arm.assignment(clients, assignment.id):
        told = f"Azure still shows it after {deadline.waited} s"
        deadline.tell(assignment.name, told)
        if not deadline.wait():
            raise AzureError(f"take back {assignment.id}", told, "run again: invoke rbac.revoke")


def _delete_unless_in_use(clients: Clients, scope: str, role: Role) -> bool:
    """Whether the role is deleted; Azure knows of assignments in other scopes, which the caller may not see."""
    try:
        delete_role(clients, scope, role)
    except RestError as error:
        if error.code != "RoleDefinitionHasAssignments":
            raise
        return False
    return True


def _outcome(plan: _RevokePlan, *more: Line, check: bool = False) -> Outcome:
    facts, decided, deleted = plan.facts, plan.revocation, plan.unused_role
    taken_back, role_deleted = ("would be taken back", "would be deleted") if check else ("taken back", "deleted")
    lines = [Line("ok", "principal", str(facts.principal))]
    lines += [
        Line("changed", "assignment", f"{taken_back}: {describe_assignment(facts, assignment)}")
        for assignment in decided.take_back
    ]
    if not decided.take_back:
        lines.append(Line("ok", "assignment", "rbac.fix has nothing assigned here"))
    if deleted:
        lines.append(Line("changed", "role", f"{role_deleted}: {deleted.name}"))
    lines += [
        Line(
            "warning",
            "left alone",
            f"not made by rbac.fix, and still {opens}: {describe_assignment(facts, assignment)}",
        )
        for assignment in decided.left_alone
        if (opens := what_it_opens(facts, assignment))
    ]
    report = RevokeReport(
        "passed",
        bool(decided.take_back or deleted),
        principal_ids(facts.principal),
        tuple(assignment.id for assignment in decided.take_back),
        tuple(assignment.id for assignment in decided.left_alone),
        deleted.name if deleted else None,
    )
    return Outcome(report, (*lines, *more), check=check)
