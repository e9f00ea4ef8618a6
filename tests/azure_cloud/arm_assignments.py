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
class Wish:
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
        wanted = call.world.identities(transitive[1].lower())
    found = [
        one
        for one in call.world.assignments.values()
        if (covers(one.scope, scope) or (not above_only and covers(scope, one.scope)))
        and (wanted is None or one.principal_id in wanted)
        and one.visible_at <= call.world.now()
    ]
    return reply({"value": [_shape(one) for one in found]})


def _scope_exists(call: Call) -> None:
    """Refuse a scope that names a group or a resource that is not there."""
    found = re.fullmatch(
        r"(?P<group>/subscriptions/[^/]+/resourceGroups/(?P<rg>[^/]+))(?:/providers/(?P<kind>[^/]+/[^/]+)/(?P<name>[^/]+))?.*",
        call.parts["scope"],
        re.IGNORECASE,
    )
    if found is None:
        return
    if found["group"].lower() not in call.world.resource_groups:
        raise RefusedError(
            arm_error(404, "ResourceGroupNotFound", f"Resource group '{found['rg']}' could not be found.")
        )
    resources = {*call.world.machines, *call.world.storage}
    if found["name"] and not any(covers(one, call.parts["scope"]) for one in resources):
        raise RefusedError(not_found(found["kind"], found["rg"], found["name"]))


def _get(call: Call) -> Response:
    call.allowed("Microsoft.Authorization/roleAssignments/read", call.path)
    one = call.world.assignments.get(call.path.lower())
    if one is None:
        message = f"The role assignment '{call.parts['name']}' is not found."
        raise RefusedError(arm_error(404, "RoleAssignmentNotFound", message))
    return reply(_shape(one))


def _put(call: Call) -> Response:
    granted = call.allowed(_WRITE, call.path)
    wish = _wish(call)
    if all(one.only_roles is not None and wish.role not in one.only_roles for one in granted):
        raise RefusedError(authorization_failed(call.rights, _WRITE, call.path, abac=True))
    _scope_exists(call)
    held = call.world.assignments.get(call.path.lower())
    if held is not None:
        return _update(call, held, wish)
    _refuse_second(call, wish)
    return _create(call, wish)


def _wish(call: Call) -> Wish:
    name = call.parts["name"]
    try:
        uuid.UUID(name)
    except ValueError:
        message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
        raise RefusedError(arm_error(400, "InvalidRoleAssignmentId", message)) from None
    given = call.request.json().get("properties", {})
    role = str(given.get("roleDefinitionId", "")).rpartition("/")[2].lower()
    if role not in call.world.roles:
        message = f"The specified role definition with ID '{role.replace('-', '')}' does not exist."
        raise RefusedError(arm_error(400, "RoleDefinitionDoesNotExist", message))
    wish = Wish(
        role,
        str(given.get("principalId", "")).lower(),
        given.get("principalType"),
        given.get("description"),
        given.get("condition"),
    )
    _principal_known(call, wish)
    return wish


def _principal_known(call: Call, wish: Wish) -> None:
    principal = call.world.principals.get(wish.principal_id)
    if wish.principal_id in call.world.groups or (principal is not None and not principal.fresh):
        kind = principal.principal_type if principal else "Group"
        if wish.principal_type not in (None, kind):
            message = f"The principal type '{wish.principal_type}' does not match the type '{kind}' of the principal."
            raise RefusedError(arm_error(400, "UnmatchedPrincipalType", message))
        return
    if principal is not None and wish.principal_type == principal.principal_type:
        return
    message = (
        f"Principal {wish.principal_id.replace('-', '')} does not exist in the directory {call.world.tenant}. Check "
        "that you have the correct principal ID. If you are creating this principal and then immediately assigning a "
        "role, this error might be related to a replication delay. In this case, set the role assignment principalType "
        "property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
    )
    raise RefusedError(arm_error(400, "PrincipalNotFound", message))


def _refuse_second(call: Call, wish: Wish) -> None:
    for one in call.world.assignments.values():
        same = one.principal_id == wish.principal_id and one.role == wish.role
        if same and one.scope.lower() == call.parts["scope"].lower():
            message = (
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{one.name.replace('-', '')}."
            )
            raise RefusedError(arm_error(409, "RoleAssignmentExists", message))


def _update(call: Call, held: RoleAssignment, wish: Wish) -> Response:
    """A PUT under the same name updates description and condition (200); the rest of it cannot change."""
    if (held.principal_id, held.role) != (wish.principal_id, wish.role):
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise RefusedError(arm_error(400, "RoleAssignmentUpdateNotPermitted", message))
    call.world.assignments[call.path.lower()] = replace(held, description=wish.description, condition=wish.condition)
    return reply(_shape(call.world.assignments[call.path.lower()]))


def _create(call: Call, wish: Wish) -> Response:
    now = call.world.now()
    principal = call.world.principals.get(wish.principal_id)
    made = RoleAssignment(
        call.parts["name"].lower(),
        call.parts["scope"] or "/",
        wish.principal_id,
        wish.role,
        created_at=now,
        effective_at=now + call.world.timing.propagation,
        visible_at=now + call.world.timing.visibility,
        principal_type=principal.principal_type if principal else "Group",
        description=wish.description,
        condition=wish.condition,
        created_by=call.rights.principal.object_id,
    )
    call.world.assignments[made.id.lower()] = made
    return reply(_shape(made), 201)


def _delete(call: Call) -> Response:
    call.allowed("Microsoft.Authorization/roleAssignments/delete", call.path)
    gone = call.world.assignments.pop(call.path.lower(), None)
    return Response(204) if gone is None else reply(_shape(gone))


def _shape(one: RoleAssignment) -> Json:
    return {
        "id": one.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": one.name,
        "properties": {
            "roleDefinitionId": role_id(one.scope, one.role),
            "principalId": one.principal_id,
            "principalType": one.principal_type,
            "scope": one.scope,
            "condition": one.condition,
            "conditionVersion": "2.0" if one.condition else None,
            "createdOn": timestamp(one.created_at),
            "updatedOn": timestamp(one.created_at),
            "createdBy": one.created_by,
            "updatedBy": one.created_by,
            "delegatedManagedIdentityResourceId": None,
            "description": one.description,
        },
    }


_NAMED = PROVIDER + "/roleAssignments/(?P<name>[^/]+)"
ROUTES = (
    Route("GET", PROVIDER + "/roleAssignments", _list),
    Route("GET", _NAMED, _get),
    Route("PUT", _NAMED, _put),
    Route("DELETE", _NAMED, _delete),
)
