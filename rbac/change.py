"""Carries a plan out in Azure, so that doing it twice is the same as doing it once."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import asdict, dataclass, replace

from rbac import arm
from rbac.facts import Assignment, Facts, Role
from rbac.manager import Manager
from rbac.plan import DESCRIPTION, Plan
from rbac.rest import RestError, told


@dataclass(frozen=True)
class Patience:
    """How long to wait for Azure's propagation, and how often to look, both in seconds."""

    seconds: float = 600.0
    every: float = 10.0


class Deadline:
    """Counts down from a patience; shared by all the waits of one run."""

    def __init__(self, patience: Patience) -> None:
        self._end = time.monotonic() + patience.seconds
        self._every = patience.every
        self._begun = time.monotonic()

    @property
    def waited(self) -> int:
        """Whole seconds since the start."""
        return int(time.monotonic() - self._begun)

    def wait(self) -> bool:
        """Sleep until it is time to look again; False where the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(self._every, left))
        return True


def apply(manager: Manager, facts: Facts, plan: Plan, deadline: Deadline) -> Assignment:
    """Make the planned change and return the assignment that is there now.

    An assignment of the same role, scope and principal under another name is success, once it has been read again.
    """
    if plan.define:
        _define(manager, facts.group_scope, plan.define)
    if plan.assign is None:
        return plan.assignment
    while True:
        try:
            _assign(manager, facts, plan.assign)
        except RestError as error:
            if error.code == "RoleAssignmentExists" and (held := _same(manager, plan.assign, error.came_back)):
                return held
            # A role defined a moment ago is not known everywhere at once.
            if not (plan.define and error.code == "RoleDefinitionDoesNotExist" and deadline.wait()):
                raise
        else:
            return plan.assign


def take_back(manager: Manager, assignment: Assignment) -> None:
    """Delete one assignment."""
    with told(f"take back the role assignment {assignment.name}", assignment.scope):
        manager.authorization.role_assignments.delete(assignment.scope.removeprefix("/"), assignment.name)


def drop_role(manager: Manager, scope: str, role: Role) -> None:
    """Delete a custom role definition; Azure refuses as long as anything is assigned to it."""
    with told(f"delete the custom role {role.name}", scope):
        manager.authorization.role_definitions.delete(scope.removeprefix("/"), role.guid)


def _define(manager: Manager, scope: str, role: Role) -> None:
    body = {
        "role_name": role.name,
        "role_type": "CustomRole",
        "description": DESCRIPTION,
        "assignable_scopes": [scope],
        "permissions": [{key: list(patterns) for key, patterns in asdict(one).items()} for one in role.permissions],
    }
    with told(f"define the custom role {role.name}", scope):
        manager.authorization.role_definitions.create_or_update(scope.removeprefix("/"), role.guid, body)


def _assign(manager: Manager, facts: Facts, wanted: Assignment) -> None:
    properties = {
        "role_definition_id": arm.role_id(wanted.scope, wanted.role),
        "principal_id": wanted.principal_id,
        "description": DESCRIPTION,
    }
    # With principalType Azure skips its own look-up, which a fresh principal needs; an object id that nobody
    # verified needs that look-up, or an application id would be assigned to and never work.
    if facts.principal.verified:
        properties["principal_type"] = "ServicePrincipal"
    with told(f"assign the role to {facts.principal}", wanted.scope):
        manager.authorization.role_assignments.create(wanted.scope.removeprefix("/"), wanted.name, properties)


def _same(manager: Manager, wanted: Assignment, refusal: str) -> Assignment | None:
    """The assignment that Azure's refusal names, or a list shows, if it really is the wanted one but for its name."""
    named = re.search(r"existing role assignment is ([0-9a-f]{32})", refusal)
    by_id = arm.assignment(manager, replace(wanted, name=str(uuid.UUID(named[1]))).id) if named else None
    for one in (by_id, *arm.assignments_below(manager, wanted.scope, wanted.principal_id)):
        if one and _key(one) == _key(wanted):
            return one
    return None


def _key(assignment: Assignment) -> tuple[str, str, str, str | None]:
    return assignment.scope.lower(), assignment.principal_id, assignment.role, assignment.condition
