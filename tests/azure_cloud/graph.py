"""Microsoft Graph: service principals, applications and group memberships, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from tests.azure_cloud.rights import Snapshot
from tests.azure_cloud.state import Group, ServicePrincipal, World
from tests.azure_cloud.tokens import TokenDesk
from tests.azure_cloud.wire import Json, RefusedError, Request, Response, graph_error, reply

_KEY = re.compile(r"(?P<kind>servicePrincipals|applications)(?:\(appId='(?P<app_id>[^']*)'\)|/(?P<id>[^/(]+))?")
_EQUALS = re.compile(r"\s*(?P<field>appId|displayName|id)\s+eq\s+'(?P<value>(?:[^']|'')*)'\s*")
_STARTS = re.compile(r"\s*startswith\(\s*(?P<field>appId|displayName)\s*,\s*'(?P<value>(?:[^']|'')*)'\s*\)\s*", re.I)
_FIELDS: dict[str, Callable[[ServicePrincipal], str]] = {
    "appId": lambda one: one.app_id,
    "displayName": lambda one: one.display_name,
    "id": lambda one: one.object_id,
}


def handle(desk: TokenDesk, audiences: frozenset[str], request: Request) -> Response:
    rights = _caller(desk, audiences, request)
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
        return _list(desk.world, request, shape)
    principal = _one(desk.world, found)
    if not rest:
        return reply({"@odata.context": _context(request, found["kind"] + "/$entity"), **shape(principal)})
    return _memberships(desk.world, request, principal, rest)


def _caller(desk: TokenDesk, audiences: frozenset[str], request: Request) -> Snapshot:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    rights = desk.read(token) if scheme == "Bearer" else None
    if rights is None:
        raise RefusedError(graph_error(401, "InvalidAuthenticationToken", "Access token is empty."))
    if rights.audience not in audiences:
        message = "Access token validation failure. Invalid audience."
        raise RefusedError(graph_error(401, "InvalidAuthenticationToken", message))
    if rights.expires_at <= desk.world.now():
        message = "Lifetime validation failed, the token is expired."
        raise RefusedError(graph_error(401, "InvalidAuthenticationToken", message))
    return rights


def _one(world: World, found: re.Match[str]) -> ServicePrincipal:
    wanted = found["app_id"] if found["id"] is None else found["id"]
    for one in world.principals.values():
        own = one.object_id if found["kind"] == "servicePrincipals" else one.application_object_id
        if wanted.lower() == (one.app_id if found["id"] is None else own):
            return one
    message = f"Resource '{wanted}' does not exist or one of its queried reference-property objects are not present."
    raise RefusedError(graph_error(404, "Request_ResourceNotFound", message))


def _list(world: World, request: Request, shape: Callable[[ServicePrincipal], Json]) -> Response:
    matching = [one for one in world.principals.values() if _filter(request, one)]
    return _page(world, request, [shape(one) for one in sorted(matching, key=lambda one: one.display_name)])


def _filter(request: Request, one: ServicePrincipal) -> bool:
    text = request.query.get("$filter", "")
    if not text:
        return True
    advanced = (
        request.headers.get("consistencylevel", "").lower() == "eventual"
        and request.query.get("$count", "").lower() == "true"
    )
    if found := _EQUALS.fullmatch(text):
        return _FIELDS[found["field"]](one).lower() == found["value"].replace("''", "'").lower()
    found = _STARTS.fullmatch(text)
    if found is None:
        raise RefusedError(graph_error(400, "BadRequest", f"Invalid filter clause: Syntax error in '{text}'."))
    if found["field"] == "appId" and not advanced:
        message = "Unsupported or invalid query filter clause specified for property 'appId' of resource "
        raise RefusedError(graph_error(400, "Request_UnsupportedQuery", message + "'ServicePrincipal'."))
    return _FIELDS[found["field"]](one).lower().startswith(found["value"].replace("''", "'").lower())


def _memberships(world: World, request: Request, principal: ServicePrincipal, rest: str) -> Response:
    groups = [world.groups[one] for one in principal.groups]
    match (request.method, rest.split("/")):
        case (_, ["transitiveMemberOf" | "memberOf", *_]):
            return _page(world, request, [_group(one) for one in groups])
        case ("POST", ["getMemberGroups" | "getMemberObjects"]):
            return reply({"value": [one.object_id for one in groups]})
    raise RefusedError(graph_error(400, "BadRequest", f"Resource not found for the segment '{rest}'."))


def _page(world: World, request: Request, items: Sequence[Json]) -> Response:
    start = int(request.query.get("$skiptoken", "0"))
    size = min(world.page_size, int(request.query.get("$top", world.page_size)))
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


def _service_principal(one: ServicePrincipal) -> Json:
    return {
        "id": one.object_id,
        "appId": one.app_id,
        "appDisplayName": one.display_name,
        "displayName": one.display_name,
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "servicePrincipalNames": [one.app_id],
    }


def _application(one: ServicePrincipal) -> Json:
    return {"id": one.application_object_id, "appId": one.app_id, "displayName": one.display_name}


def _group(one: Group) -> Json:
    return {
        "@odata.type": "#microsoft.graph.group",
        "id": one.object_id,
        "displayName": one.display_name,
        "securityEnabled": True,
    }
