"""`invoke rbac.revoke`: takes back exactly what `rbac.fix` assigned."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from local.cloud.credentials import default_credential
from local.errors import AzureError
from local.settings import AzureSettings
from rbac import arm, change, read
from rbac.facts import Assignment, Facts, Role
from rbac.manager import Manager, surfaces
from rbac.plan import Revocation, assignment_name, narrow_role, revocation
from rbac.rest import RestError
from rbac.result import Line, Outcome, Revoked, Status, ids
from rbac.rights import describe


def revoke(azure: AzureSettings, *, role: str | None = None, check: bool = False) -> Outcome:
    """Delete the assignments that bear the names `rbac.fix` gives, and its custom role where nothing else uses it.

    `role` is a role that `rbac.fix --role` was given a moment ago, which no list may show yet. Raises AzureError where
    Azure refuses, or still shows an assignment after its deletion.
    """
    with closing(default_credential(azure)) as login, surfaces(azure, login) as (manager, directory):
        who = read.principal(directory, azure)
        facts = read.group_facts(manager, directory, azure, who)
        direct = _direct(manager, azure, facts, role)
        more = {one.role for one in direct} - set(facts.roles)
        roles = {guid: read.role_of(manager, facts.group_scope, guid) for guid in more}
        facts = replace(facts, roles={**facts.roles, **roles})
        plan = revocation(facts, direct)
        unused = _unused_role(manager, facts, plan)
        if check:
            return _outcome(facts, plan, unused, [], check=True)
        for one in plan.take_back:
            change.take_back(manager, one)
            if arm.assignment(manager, one.id):
                raise AzureError(f"take back {one.id}", "Azure still shows it", "run again: invoke rbac.revoke")
        trouble = _drop(manager, facts, unused) if unused else []
    return _outcome(facts, plan, None if trouble else unused, trouble)


def _direct(manager: Manager, azure: AzureSettings, facts: Facts, role: str | None) -> tuple[Assignment, ...]:
    """The principal's own assignments, and by their names those that Azure's lists do not show yet."""
    listed = arm.assignments_below(manager, facts.group_scope, facts.principal.object_id)
    named = [arm.role_by_name(manager, facts.group_scope, name) for name in {azure.role, role or azure.role}]
    guids = [narrow_role(facts.group_scope).guid, *(one.guid for one in named if one)]
    known = {one.id.lower() for one in listed}
    hidden = []
    for scope in (facts.group_scope, *facts.vm_scopes):
        for guid in guids:
            name = assignment_name(scope, facts.principal.object_id, guid)
            place = Assignment(name, scope, facts.principal.object_id, guid).id
            if place.lower() not in known and (found := arm.assignment(manager, place)):
                hidden.append(found)
    return (*listed, *hidden)


def _unused_role(manager: Manager, facts: Facts, plan: Revocation) -> Role | None:
    """The custom role that `rbac.fix` made, where no assignment but those taken back uses it."""
    role = arm.role_by_guid(manager, facts.group_scope, narrow_role(facts.group_scope).guid)
    if role is None:
        return None
    ours = {one.id.lower() for one in plan.take_back}
    users = [one for one in arm.assignments_below(manager, facts.group_scope) if one.role == role.guid]
    return role if all(one.id.lower() in ours for one in users) else None


def _drop(manager: Manager, facts: Facts, role: Role) -> list[Line]:
    try:
        change.drop_role(manager, facts.group_scope, role)
    except RestError as error:
        if error.code != "RoleDefinitionHasAssignments":
            raise
        return [Line("warning", "role", f"{role.name} is still in use, so it stays")]
    return []


def _outcome(facts: Facts, plan: Revocation, dropped: Role | None, more: list[Line], *, check: bool = False) -> Outcome:
    status: Status = "changed"
    done = "would be taken back" if check else "taken back"
    lines = [Line("ok", "principal", str(facts.principal))]
    lines += [Line(status, "assignment", f"{done}: {describe(facts, one)}") for one in plan.take_back]
    if not plan.take_back:
        lines.append(Line("ok", "assignment", "rbac.fix has nothing assigned here"))
    if dropped:
        lines.append(Line(status, "role", f"{'would be deleted' if check else 'deleted'}: {dropped.name}"))
    lines += [
        Line("warning", "left alone", f"not made by rbac.fix, and still grants run command: {describe(facts, one)}")
        for one in plan.left_alone
    ]
    report = Revoked(
        "passed",
        bool(plan.take_back or dropped),
        ids(facts.principal),
        tuple(one.id for one in plan.take_back),
        tuple(one.id for one in plan.left_alone),
        dropped.name if dropped else None,
    )
    return Outcome(report, tuple(lines + more), check=check)
