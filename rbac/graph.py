"""Who is meant: a service principal found in Microsoft Graph by any of its ids, a prefix, or its name."""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec

from local.cloud.errors import AccessDeniedError
from local.errors import ConfigError
from rbac.facts import Principal
from rbac.rest import RestClient, RestError, odata_literal

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PREFIX = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{0,27})?", re.IGNORECASE)
_FIELDS = "$select=id,appId,displayName"
# `startswith` on appId is an advanced query: https://learn.microsoft.com/graph/aad-advanced-queries
_ADVANCED = {"ConsistencyLevel": "eventual"}
_MATCHES_SHOWN = 20


class _DirectoryObject(msgspec.Struct, frozen=True, rename="camel"):
    """A service principal or an application; both have these fields."""

    id: str
    app_id: str
    display_name: str | None = None


class _Group(msgspec.Struct, frozen=True):
    id: str


def resolve(graph: RestClient, wanted: str) -> Principal:
    """The one service principal that `wanted` names.

    Raises ConfigError where there is none or several (all are listed), AccessDeniedError where the directory can't be
    read and `wanted` is not a whole id. A whole id is then taken for an object id.
    """
    doing = f"look up the service principal {wanted}"
    try:
        found = _by_id(graph, wanted, doing) if GUID.fullmatch(wanted) else _by_text(graph, wanted, doing)
    except AccessDeniedError:
        if not GUID.fullmatch(wanted):
            raise
        return Principal(object_id=wanted.lower())
    if not found:
        forms = "an application id, 8 or more of its first characters, an object id or a display name"
        raise ConfigError(doing, "there is none in this tenant", f"set azure.service_principal to {forms}")
    if len(found) == 1:
        return _principal(graph, found[0])
    listed = "; ".join(str(_principal(graph, match)) for match in found[:_MATCHES_SHOWN])
    more = f"; and {len(found) - _MATCHES_SHOWN} more" if len(found) > _MATCHES_SHOWN else ""
    raise ConfigError(doing, f"{len(found)} match: {listed}{more}", "set azure.service_principal to one object id")


def groups(graph: RestClient, principal: Principal) -> frozenset[str] | None:
    """The ids of the groups that hold the principal, nested ones included; None where the directory does not tell."""
    path = f"/v1.0/servicePrincipals/{principal.object_id}/transitiveMemberOf?$select=id"
    try:
        return frozenset(group.id.lower() for group in graph.pages(path, _Group, f"read the groups of {principal}"))
    except AccessDeniedError:
        return None


def _by_id(graph: RestClient, guid: str, doing: str) -> list[_DirectoryObject]:
    """As an application id, as a service principal's object id, as an application's object id: whichever it is."""
    for path in (f"servicePrincipals(appId='{guid}')", f"servicePrincipals/{guid}"):
        principal = _get_or_none(graph, path, doing)
        if principal:
            return [principal]
    try:
        application = _get_or_none(graph, f"applications/{guid}", doing)
    except AccessDeniedError:
        return []
    if not application:
        return []
    principal = _get_or_none(graph, f"servicePrincipals(appId='{application.app_id}')", doing)
    return [principal] if principal else []


def _by_text(graph: RestClient, text: str, doing: str) -> list[_DirectoryObject]:
    """Those whose application id begins with the text, where it looks like one, and those of that display name."""
    found = {}
    if PREFIX.fullmatch(text):
        prefix = quote(odata_literal(text.lower()))
        path = f"/v1.0/servicePrincipals?$filter=startswith(appId,{prefix})&$count=true&{_FIELDS}"
        found = {match.id: match for match in graph.pages(path, _DirectoryObject, doing, _ADVANCED)}
    name = quote(odata_literal(text))
    named = f"/v1.0/servicePrincipals?$filter=displayName%20eq%20{name}&{_FIELDS}"
    found |= {match.id: match for match in graph.pages(named, _DirectoryObject, doing)}
    return list(found.values())


def _get_or_none(graph: RestClient, path: str, doing: str) -> _DirectoryObject | None:
    try:
        return graph.get(f"/v1.0/{path}?{_FIELDS}", _DirectoryObject, doing)
    except RestError as error:
        if error.status == 404:
            return None
        raise


def _principal(graph: RestClient, found: _DirectoryObject) -> Principal:
    """With the application's object id, where the application lies in this tenant and may be read."""
    doing = f"look up the application {found.app_id}"
    try:
        application = _get_or_none(graph, f"applications(appId='{found.app_id}')", doing)
    except AccessDeniedError:
        application = None
    return Principal(
        found.id.lower(), found.app_id.lower(), found.display_name, application.id if application else None
    )
