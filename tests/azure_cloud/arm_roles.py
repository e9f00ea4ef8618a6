"""Microsoft.Authorization: role definitions, deny assignments and the caller's own permissions."""

from __future__ import annotations

import re

from tests.azure_cloud.arm import Call, Route
from tests.azure_cloud.rights import covers
from tests.azure_cloud.state import DenyAssignment, RoleDefinition
from tests.azure_cloud.wire import Json, RefusedError, Response, arm_error, reply, timestamp

PROVIDER = r"(?P<scope>.*)/providers/Microsoft\.Authorization"
_NAME_IS = re.compile(r"roleName\s+eq\s+'((?:[^']|'')*)'", re.I)
_TYPE_IS = re.compile(r"type\s+eq\s+'([^']*)'", re.I)


def _list_roles(call: Call) -> Response:
    _readable(call, "roleDefinitions")
    text = call.request.query.get("$filter", "")
    found = list(call.state.roles.values())
    if name := _NAME_IS.search(text):
        found = [role for role in found if role.role_name.lower() == name[1].replace("''", "'").lower()]
    if kind := _TYPE_IS.search(text):
        found = [role for role in found if role.custom == (kind[1].lower() == "customrole")]
    scope = call.parts["scope"]
    usable = [
        role
        for role in found
        if any(covers(assignable, scope or "/", call.state.parents) for assignable in role.assignable_scopes)
    ]
    return reply({"value": [_role(call, role) for role in usable]})


def _get_role(call: Call) -> Response:
    _readable(call, "roleDefinitions")
    return reply(_role(call, _role_named(call)))


def _readable(call: Call, kind: str) -> None:
    # Anyone of the tenant may read the definitions at its root.
    if call.parts["scope"]:
        _exists(call)
        scope = f"{call.parts['scope']}/providers/Microsoft.Authorization"
        call.allowed(f"Microsoft.Authorization/{kind}/read", scope)


def _exists(call: Call) -> None:
    parts = call.parts["scope"].split("/")
    if len(parts) >= 3 and parts[1].lower() == "subscriptions" and parts[2].lower() not in call.state.subscriptions:
        raise RefusedError(arm_error(404, "SubscriptionNotFound", f"The subscription '{parts[2]}' could not be found."))


def _role_named(call: Call) -> RoleDefinition:
    name = call.parts["name"].lower()
    if name not in call.state.roles:
        message = f"The specified role definition with ID '{name.replace('-', '')}' does not exist."
        raise RefusedError(arm_error(404, "RoleDefinitionDoesNotExist", message))
    return call.state.roles[name]


def _put_role(call: Call) -> Response:
    name = call.parts["name"].lower()
    body = call.request.json()
    given = body.get("properties", body)
    scopes = tuple(given.get("assignableScopes", ()))
    if not scopes:
        raise RefusedError(arm_error(400, "MissingAssignableScopes", "The role definition has no assignable scopes."))
    for scope in scopes:
        role_scope = f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleDefinitions/{name}"
        call.allowed("Microsoft.Authorization/roleDefinitions/write", role_scope)
    title = given.get("roleName", "")
    if any(role.role_name.lower() == title.lower() and role.name != name for role in call.state.roles.values()):
        message = f"A custom role with the same name '{title}' already exists in this directory. Use a different name."
        raise RefusedError(arm_error(409, "RoleDefinitionWithSameNameExists", message))
    permissions = (given.get("permissions") or [{}])[0]
    role = RoleDefinition(
        name,
        title,
        actions=tuple(permissions.get("actions") or ()),
        not_actions=tuple(permissions.get("notActions") or ()),
        data_actions=tuple(permissions.get("dataActions") or ()),
        not_data_actions=tuple(permissions.get("notDataActions") or ()),
        assignable_scopes=scopes,
        description=given.get("description") or "",
        custom=True,
    )
    call.state.roles[name] = role
    return reply(_role(call, role), 201)


def _delete_role(call: Call) -> Response:
    call.allowed("Microsoft.Authorization/roleDefinitions/delete", call.path)
    name = call.parts["name"].lower()
    role = call.state.roles.get(name)
    if role is None:
        return Response(204)
    if not role.custom:
        message = "Built-in roles cannot be deleted."
        raise RefusedError(arm_error(400, "RoleDefinitionCannotBeDeleted", message))
    if any(assignment.role == name for assignment in call.state.assignments.values()):
        message = "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)."
        raise RefusedError(arm_error(400, "RoleDefinitionHasAssignments", message))
    del call.state.roles[name]
    return reply(_role(call, role))


def role_id(scope: str, name: str) -> str:
    """A definition's id as ARM tells it: under the subscription of the scope that was asked about."""
    found = re.match(r"/subscriptions/[^/]+", scope, re.IGNORECASE)
    return f"{found[0] if found else ''}/providers/Microsoft.Authorization/roleDefinitions/{name}"


def _role(call: Call, role: RoleDefinition) -> Json:
    return {
        "id": role_id(call.parts["scope"], role.name),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.name,
        "properties": {
            "roleName": role.role_name,
            "type": "CustomRole" if role.custom else "BuiltInRole",
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [_permission(role)],
            "createdOn": timestamp(0),
            "updatedOn": timestamp(0),
            "createdBy": None,
            "updatedBy": None,
        },
    }


def _permission(holder: RoleDefinition | DenyAssignment) -> Json:
    return {
        "actions": list(holder.actions),
        "notActions": list(holder.not_actions),
        "dataActions": list(holder.data_actions),
        "notDataActions": list(holder.not_data_actions),
    }


def _list_denials(call: Call) -> Response:
    _readable(call, "denyAssignments")
    scope = call.parts["scope"] or "/"
    above_only = "atscope()" in call.request.query.get("$filter", "").lower()
    found = [
        _denial(denial)
        for denial in call.state.denials.values()
        if covers(denial.scope, scope, call.state.parents)
        or (not above_only and covers(scope, denial.scope, call.state.parents))
    ]
    return reply({"value": found})


def _denial(denial: DenyAssignment) -> Json:
    return {
        "id": denial.id,
        "type": "Microsoft.Authorization/denyAssignments",
        "name": denial.name,
        "properties": {
            "denyAssignmentName": denial.display_name,
            "description": "",
            "permissions": [_permission(denial)],
            "scope": denial.scope,
            "doNotApplyToChildScopes": denial.do_not_apply_to_child_scopes,
            "principals": [{"id": who, "type": "ServicePrincipal"} for who in denial.principals],
            "excludePrincipals": [{"id": who, "type": "ServicePrincipal"} for who in denial.exclude_principals],
            "isSystemProtected": True,
        },
    }


def _permissions(call: Call) -> Response:
    parents = call.state.parents
    held = [role for assignment, role in call.rights.grants if covers(assignment.scope, call.parts["scope"], parents)]
    return reply({"value": [_permission(role) for role in held]})


ROUTES = (
    Route("GET", PROVIDER + "/roleDefinitions", _list_roles),
    Route("GET", PROVIDER + "/roleDefinitions/(?P<name>[^/]+)", _get_role),
    Route("PUT", PROVIDER + "/roleDefinitions/(?P<name>[^/]+)", _put_role),
    Route("DELETE", PROVIDER + "/roleDefinitions/(?P<name>[^/]+)", _delete_role),
    Route("GET", PROVIDER + "/denyAssignments", _list_denials),
    Route("GET", PROVIDER + "/permissions", _permissions),
)
