"""Microsoft Graph: service principals, applications and group memberships, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from tests.azure_cloud.rights import TokenRights
from tests.azure_cloud.state import Group, ServicePrincipal, TenantState
from tests.azure_cloud.tokens import TokenService
from tests.azure_cloud.wire import Json, RefusedError, Request, Response, graph_error, reply

_KEY = re.compile(r"(?P<kind>servicePrincipals|applications)(?:\(appId='(?P<app_id>[^']*)'\)|/(?P<id>[^/(]+))?")
_EQUALS = re.compile(r"\s*(?P<field>appId|displayName|id)\s+eq\s+'(?P<value>(?:[^']|'')*)'\s*")
_STARTS = re.compile(r"\s*startswith\(\s*(?P<field>appId|displayName)\s*,\s*'(?P<value>(?:[^']|'')*)'\s*\)\s*", re.I)
_FIELDS: dict[str, Callable[[ServicePrincipal], str]] = {
    "appId": lambda principal: principal.app_id,
    "displayName": lambda principal: principal.display_name,
    "id": lambda principal: principal.object_id,
}


def handle(tokens: TokenService, audiences: frozenset[str], request: Request) -> Response:
    """Answer a request to Graph v1.0; a caller without Application.Read.All is refused whatever it asks for."""
    rights = _caller(tokens, audiences, request)
    path = request.path.strip("/")
    if not path.startswith("v1.0/"):
        raise RefusedError(graph_error(400, "BadRequest", "Invalid version."))
    found = _KEY.match(path.removeprefix("v1.0/"))
    if found is None:
        raise RefusedError(
            graph_error(400, "BadRequest", f"Resource not found for the segment '{path.split('/')[1]}'.")
        )
    if not rights.principal.directory_read:
        raise RefusedError(
            graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        )
    shape = _service_principal if found["kind"] == "servicePrincipals" else _application
    rest = path.removeprefix("v1.0/")[found.end() :].strip("/")
    if found["app_id"] is None and found["id"] is None:
        return _list(tokens.state, request, shape)
    principal = _principal_named(tokens.state, found)
    if not rest:
        return reply({"@odata.context": _context(request, found["kind"] + "/$entity"), **shape(principal)})
    return _memberships(tokens.state, request, principal, rest)


def _caller(tokens: TokenService, audiences: frozenset[str], request: Request) -> TokenRights:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    rights = tokens.read(token) if scheme == "Bearer" else None
    if rights is None:
        raise RefusedError(graph_error(401, "InvalidAuthenticationToken", "Access token is empty."))
    if rights.audience not in audiences:
        message = "Access token validation failure. Invalid audience."
        raise RefusedError(graph_error(401, "InvalidAuthenticationToken", message))
    if rights.expires_at <= tokens.state.now():
        message = "Lifetime validation failed, the token is expired."
        raise RefusedError(graph_error(401, "InvalidAuthenticationToken", message))
    return rights


def _principal_named(state: TenantState, found: re.Match[str]) -> ServicePrincipal:
    wanted = found["app_id"] if found["id"] is None else found["id"]
    for principal in state.principals.values():
        own = principal.object_id if found["kind"] == "servicePrincipals" else principal.application_object_id
        if wanted.lower() == (principal.app_id if found["id"] is None else own):
            return principal
    message = f"Resource '{wanted}' does not exist or one of its queried reference-property objects are not present."
    raise RefusedError(graph_error(404, "Request_ResourceNotFound", message))


def _list(state: TenantState, request: Request, shape: Callable[[ServicePrincipal], Json]) -> Response:
    matching = [principal for principal in state.principals.values() if _filter(request, principal)]
    return _page(
        state,
        request,
        [shape(principal) for principal in sorted(matching, key=lambda principal: principal.display_name)],
    )


def _filter(request: Request, principal: ServicePrincipal) -> bool:
    text = request.query.get("$filter", "")
    if not text:
        return True
    advanced = (
        request.headers.get("consistencylevel", "").lower() == "eventual"
        and request.query.get("$count", "").lower() == "true"
    )
    if found := _EQUALS.fullmatch(text):
        return _FIELDS[found["field"]](principal).lower() == found["value"].replace("''", "'").lower()
    found = _STARTS.fullmatch(text)
    if found is None:
        raise RefusedError(graph_error(400, "BadRequest", f"Invalid filter clause: Syntax error in '{text}'."))
    if found["field"] == "appId" and not advanced:
        message = "Unsupported or invalid query filter clause specified for property 'appId' of resource "
        raise RefusedError(graph_error(400, "Request_UnsupportedQuery", message + "'ServicePrincipal'."))
    return _FIELDS[found["field"]](principal).lower().startswith(found["value"].replace("''", "'").lower())


def _memberships(state: TenantState, request: Request, principal: ServicePrincipal, rest: str) -> Response:
    groups = [state.groups[group_id] for group_id in principal.groups]
    match (request.method, rest.split("/")):
        case (_, ["transitiveMemberOf" | "memberOf", *_]):
            return _page(state, request, [_group(group) for group in groups])
        case ("POST", ["getMemberGroups" | "getMemberObjects"]):
            return reply({"value": [group.object_id for group in groups]})
    raise RefusedError(graph_error(400, "BadRequest", f"Resource not found for the segment '{rest}'."))


def _page(state: TenantState, request: Request, items: Sequence[Json]) -> Response:
    start = int(request.query.get("$skiptoken", "0"))
    size = min(state.page_size, int(request.query.get("$top", state.page_size)))
    body: Json = {"@odata.context": _context(request, "directoryObjects")}
    if request.query.get("$count", "").lower() == "true" and start == 0:
        body["@odata.count"] = len(items)
    if start + size < len(items):
        following = urlencode({**request.query, "$skiptoken": str(start + size)})
        body["@odata.nextLink"] = f"{request.base}{request.path}?{following}"
    body["value"] = [_select(request, item) for item in items[start : start + size]]
    return reply(body)


def _select(request: Request, item: Json) -> Json:
    chosen = request.query.get("$select", "")
    if not chosen:
        return item
    names = {name.strip() for name in chosen.split(",")} | {"@odata.type"}
    return {name: value for name, value in item.items() if name in names}


def _context(request: Request, what: str) -> str:
    return f"{request.base}/v1.0/$metadata#{what}"


def _service_principal(principal: ServicePrincipal) -> Json:
    return {
        "id": principal.object_id,
        "appId": principal.app_id,
        "appDisplayName": principal.display_name,
        "displayName": principal.display_name,
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "servicePrincipalNames": [principal.app_id],
    }


def _application(principal: ServicePrincipal) -> Json:
    return {"id": principal.application_object_id, "appId": principal.app_id, "displayName": principal.display_name}


def _group(group: Group) -> Json:
    return {
        "@odata.type": "#microsoft.graph.group",
        "id": group.object_id,
        "displayName": group.display_name,
        "securityEnabled": True,
    }
