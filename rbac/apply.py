"""Carries a plan out in Azure, so that doing it twice is the same as doing it once."""

from __future__ import annotations

import re
import uuid
from dataclasses import asdict, replace

from rbac import arm
from rbac.clients import Clients
from rbac.facts import Assignment, Facts, Role
from rbac.plan import DESCRIPTION, Plan
from rbac.propagation import Deadline
from rbac.rest import RestError, azure_errors


def apply(clients: Clients, facts: Facts, plan: Plan, deadline: Deadline) -> Assignment:
    """Make the planned change and return the assignment that is there now.

    An assignment of the same role, scope and principal under another name is success, once it has been read again.
    """
    if plan.define:
        _define(clients, facts.group_scope, plan.define)
    if plan.assign is None:
        return plan.assignment
    while True:
        try:
            _assign(clients, facts, plan.assign)
        except RestError as error:
            if error.code == "RoleAssignmentExists" and (held := _same(clients, plan.assign, error.came_back)):
                return held
            # A role defined a moment ago is not known everywhere at once.
            if not (plan.define and error.code == "RoleDefinitionDoesNotExist" and deadline.wait()):
                raise
        else:
            return plan.assign


def delete_assignment(clients: Clients, assignment: Assignment) -> None:
    """Delete one assignment."""
    with azure_errors(f"take back the role assignment {assignment.name}", assignment.scope):
        clients.authorization.role_assignments.delete(arm.relative(assignment.scope), assignment.name)


def delete_role(clients: Clients, scope: str, role: Role) -> None:
    """Delete a custom role definition; Azure refuses as long as anything is assigned to it."""
    with azure_errors(f"delete the custom role {role.name}", scope):
        clients.authorization.role_definitions.delete(arm.relative(scope), role.guid)


def _define(clients: Clients, scope: str, role: Role) -> None:
    body = {
        "role_name": role.name,
        "role_type": "CustomRole",
        "description": DESCRIPTION,
        "assignable_scopes": [scope],
        "permissions": [
            {key: list(patterns) for key, patterns in asdict(permission).items()} for permission in role.permissions
        ],
    }
    with azure_errors(f"define the custom role {role.name}", scope):
        clients.authorization.role_definitions.create_or_update(arm.relative(scope), role.guid, body)


def _assign(clients: Clients, facts: Facts, wanted: Assignment) -> None:
    properties = {
        "role_definition_id": arm.role_id(wanted.scope, wanted.role),
        "principal_id": wanted.principal_id,
        "description": DESCRIPTION,
    }
    # With principalType Azure skips its own look-up, which a fresh principal needs; an object id that nobody
    # verified needs that look-up, or an application id would be assigned to and never work.
    if facts.principal.verified:
        properties["principal_type"] = "ServicePrincipal"
    with azure_errors(f"assign the role to {facts.principal}", wanted.scope):
        clients.authorization.role_assignments.create(arm.relative(wanted.scope), wanted.name, properties)


def _same(clients: Clients, wanted: Assignment, refusal: str) -> Assignment | None:
    """The assignment that Azure's refusal names, or a list shows, if it really is the wanted one but for its name."""
    named = re.search(r"existing role assignment is ([0-9a-f]{32})", refusal)
    by_id = arm.assignment(clients, replace(wanted, name=str(uuid.UUID(named[1]))).id) if named else None
    for assignment in (by_id, *arm.assignments_below(clients, wanted.scope, wanted.principal_id)):
        if assignment and _key(assignment) == _key(wanted):
            return assignment
    return None


def _key(assignment: Assignment) -> tuple[str, str, str, str | None]:
    return assignment.scope.lower(), assignment.principal_id, assignment.role, assignment.condition
