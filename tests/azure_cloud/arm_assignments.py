"""Microsoft.Authorization: role assignments, and the ways in which ARM refuses to make one."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace

from tests.azure_cloud.arm import Call, Route, authorization_failed, not_found
from tests.azure_cloud.arm_roles import PROVIDER, role_id
from tests.azure_cloud.rights import covers
from tests.azure_cloud.state import RoleAssignment
from tests.azure_cloud.wire import Json, RefusedError, Response, arm_error, reply, timestamp

_WRITE = "Microsoft.Authorization/roleAssignments/write"
_OF_PRINCIPAL = re.compile(r"principalId\s+eq\s+'?([0-9a-f-]+)'?", re.I)
_ASSIGNED_TO = re.compile(r"assignedTo\('([0-9a-f-]+)'\)", re.I)


@dataclass(frozen=True)
class AssignmentRequest:
    """What a PUT asks for."""

    role: str
    principal_id: str
    principal_type: str | None
    description: str | None
    condition: str | None


def _list(call: Call) -> Response:
    scope = call.parts["scope"] or "/"
    call.allowed(
        "Microsoft.Authorization/roleAssignments/read", f"{call.parts['scope']}/providers/Microsoft.Authorization"
    )
    _scope_exists(call)
    text = call.request.query.get("$filter", "")
    unknown = _ASSIGNED_TO.sub("", _OF_PRINCIPAL.sub("", re.sub(r"atScope\(\)", "", text, flags=re.I)))
    if unknown.replace("and", "").strip():
        message = (
            f"The filter '{text}' is not supported. Supported filters are 'atScope()', 'assignedTo()' and principalId."
        )
        raise RefusedError(arm_error(400, "UnsupportedQuery", message))
    above_only = "atscope()" in text.lower()
    wanted: frozenset[str] | None = None
    if exact := _OF_PRINCIPAL.search(text):
        wanted = frozenset({exact[1].lower()})
    elif transitive := _ASSIGNED_TO.search(text):
        wanted = call.state.identities(transitive[1].lower())
    found = [
        assignment
        for assignment in (*call.state.assignments.values(), *_still_shown(call, scope))
        if (
            covers(assignment.scope, scope, call.state.parents)
            or (not above_only and covers(scope, assignment.scope, call.state.parents))
        )
        and (wanted is None or assignment.principal_id in wanted)
        and assignment.visible_at <= call.state.now()
    ]
    return reply({"value": [_shape(assignment) for assignment in found]})


def _still_shown(call: Call, asked: str) -> list[RoleAssignment]:
    """The assignments deleted a moment ago, at a scope or by their id, that a replica which lags behind still shows."""
    shown = []
    for key, (assignment, reads) in list(call.state.deleted.items()):
        if reads and covers(asked, assignment.id, call.state.parents):
            call.state.deleted[key] = (assignment, reads - 1)
            shown.append(assignment)
    return shown


def _scope_exists(call: Call) -> None:
    """Refuse a scope that names a group or a resource that is not there."""
    found = re.fullmatch(
        r"(?P<group>/subscriptions/[^/]+/resourceGroups/(?P<rg>[^/]+))(?:/providers/(?P<kind>[^/]+/[^/]+)/(?P<name>[^/]+))?.*",
        call.parts["scope"],
        re.IGNORECASE,
    )
    if found is None:
        return
    if found["group"].lower() not in call.state.resource_groups:
        raise RefusedError(
            arm_error(404, "ResourceGroupNotFound", f"Resource group '{found['rg']}' could not be found.")
        )
    resources = {*call.state.machines, *call.state.storage}
    if found["name"] and not any(covers(resource_id, call.parts["scope"]) for resource_id in resources):
        raise RefusedError(not_found(found["kind"], found["rg"], found["name"]))


def _get(call: Call) -> Response:
    call.allowed("Microsoft.Authorization/roleAssignments/read", call.path)
    assignment = call.state.assignments.get(call.path.lower()) or next(iter(_still_shown(call, call.path)), None)
    if assignment is None:
        message = f"The role assignment '{call.parts['name']}' is not found."
        raise RefusedError(arm_error(404, "RoleAssignmentNotFound", message))
    return reply(_shape(assignment))


def _put(call: Call) -> Response:
    granted = call.allowed(_WRITE, call.path)
    wanted = _parse(call)
    if all(assignment.only_roles is not None and wanted.role not in assignment.only_roles for assignment in granted):
        raise RefusedError(authorization_failed(call.rights, _WRITE, call.path, abac=True))
    _scope_exists(call)
    held = call.state.assignments.get(call.path.lower())
    if held is not None:
        return _update(call, held, wanted)
    _refuse_second(call, wanted)
    return _create(call, wanted)


def _parse(call: Call) -> AssignmentRequest:
    name = call.parts["name"]
    try:
        uuid.UUID(name)
    except ValueError:
        message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
        raise RefusedError(arm_error(400, "InvalidRoleAssignmentId", message)) from None
    given = call.request.json().get("properties", {})
    role = str(given.get("roleDefinitionId", "")).rpartition("/")[2].lower()
    if role not in call.state.roles:
        message = f"The specified role definition with ID '{role.replace('-', '')}' does not exist."
        raise RefusedError(arm_error(400, "RoleDefinitionDoesNotExist", message))
    wanted = AssignmentRequest(
        role,
        str(given.get("principalId", "")).lower(),
        given.get("principalType"),
        given.get("description"),
        given.get("condition"),
    )
    _principal_known(call, wanted)
    return wanted


def _principal_known(call: Call, wanted: AssignmentRequest) -> None:
    principal = call.state.principals.get(wanted.principal_id)
    if wanted.principal_id in call.state.groups or (principal is not None and not principal.fresh):
        kind = principal.principal_type if principal else "Group"
        if wanted.principal_type not in (None, kind):
            message = f"The principal type '{wanted.principal_type}' does not match the type '{kind}' of the principal."
            raise RefusedError(arm_error(400, "UnmatchedPrincipalType", message))
        return
    if principal is not None and wanted.principal_type == principal.principal_type:
        return
    message = (
        f"Principal {wanted.principal_id.replace('-', '')} does not exist in the directory {call.state.tenant}. Check "
        "that you have the correct principal ID. If you are creating this principal and then immediately assigning a "
        "role, this error might be related to a replication delay. In this case, set the role assignment principalType "
        "property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
    )
    raise RefusedError(arm_error(400, "PrincipalNotFound", message))


def _refuse_second(call: Call, wanted: AssignmentRequest) -> None:
    for assignment in call.state.assignments.values():
        same = assignment.principal_id == wanted.principal_id and assignment.role == wanted.role
        if same and assignment.scope.lower() == call.parts["scope"].lower():
            message = (
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{assignment.name.replace('-', '')}."
            )
            raise RefusedError(arm_error(409, "RoleAssignmentExists", message))


def _update(call: Call, held: RoleAssignment, wanted: AssignmentRequest) -> Response:
    """A PUT under the same name updates description and condition (200); the rest of it cannot change."""
    if (held.principal_id, held.role) != (wanted.principal_id, wanted.role):
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise RefusedError(arm_error(400, "RoleAssignmentUpdateNotPermitted", message))
    call.state.assignments[call.path.lower()] = replace(
        held, description=wanted.description, condition=wanted.condition
    )
    return reply(_shape(call.state.assignments[call.path.lower()]))


def _create(call: Call, wanted: AssignmentRequest) -> Response:
    now = call.state.now()
    principal = call.state.principals.get(wanted.principal_id)
    made = RoleAssignment(
        call.parts["name"].lower(),
        call.parts["scope"] or "/",
        wanted.principal_id,
        wanted.role,
        created_at=now,
        effective_at=now + call.state.timing.propagation,
        visible_at=now + call.state.timing.visibility,
        principal_type=principal.principal_type if principal else "Group",
        description=wanted.description,
        condition=wanted.condition,
        created_by=call.rights.principal.object_id,
    )
    call.state.assignments[made.id.lower()] = made
    call.state.deleted.pop(made.id.lower(), None)
    return reply(_shape(made), 201)


def _delete(call: Call) -> Response:
    call.allowed("Microsoft.Authorization/roleAssignments/delete", call.path)
    gone = call.state.assignments.pop(call.path.lower(), None)
    if gone is not None:
        call.state.deleted[gone.id.lower()] = (gone, call.state.timing.stale_reads)
    return Response(204) if gone is None else reply(_shape(gone))


def _shape(assignment: RoleAssignment) -> Json:
    return {
        "id": assignment.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": assignment.name,
        "properties": {
            "roleDefinitionId": role_id(assignment.scope, assignment.role),
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": assignment.condition,
            "conditionVersion": "2.0" if assignment.condition else None,
            "createdOn": timestamp(assignment.created_at),
            "updatedOn": timestamp(assignment.created_at),
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
            "delegatedManagedIdentityResourceId": None,
            "description": assignment.description,
        },
    }


_NAMED = PROVIDER + "/roleAssignments/(?P<name>[^/]+)"
ROUTES = (
    Route("GET", PROVIDER + "/roleAssignments", _list),
    Route("GET", _NAMED, _get),
    Route("PUT", _NAMED, _put),
    Route("DELETE", _NAMED, _delete),
)
