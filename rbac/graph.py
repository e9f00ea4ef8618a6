"""Who is meant: a service principal found in Microsoft Graph by any of its ids, a prefix, or its name."""

from __future__ import annotations

import re

import msgspec

from local.cloud.errors import AccessDeniedError
from local.errors import ConfigError
from rbac.facts import Principal
from rbac.rest import Rest, RestError, quoted

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PREFIX = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{0,27})?", re.IGNORECASE)
_FIELDS = "$select=id,appId,displayName"
# `startswith` on appId is an advanced query: https://learn.microsoft.com/graph/aad-advanced-queries
_ADVANCED = {"ConsistencyLevel": "eventual"}
_SHOWN = 20


class _Found(msgspec.Struct, frozen=True, rename="camel"):
    """A service principal or an application; both have these fields."""

    id: str
    app_id: str
    display_name: str | None = None


class _Member(msgspec.Struct, frozen=True):
    id: str


def resolve(graph: Rest, wanted: str) -> Principal:
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
    listed = "; ".join(str(_principal(graph, one)) for one in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise ConfigError(doing, f"{len(found)} match: {listed}{more}", "set azure.service_principal to one object id")


def groups(graph: Rest, principal: Principal) -> frozenset[str] | None:
    """The ids of the groups that hold the principal, nested ones included; None where the directory does not tell."""
    path = f"/v1.0/servicePrincipals/{principal.object_id}/transitiveMemberOf?$select=id"
    try:
        return frozenset(one.id.lower() for one in graph.pages(path, _Member, f"read the groups of {principal}"))
    except AccessDeniedError:
        return None


def _by_id(graph: Rest, guid: str, doing: str) -> list[_Found]:
    """As an application id, as a service principal's object id, as an application's object id: whichever it is."""
    for path in (f"servicePrincipals(appId='{guid}')", f"servicePrincipals/{guid}"):
        one = _one(graph, path, doing)
        if one:
            return [one]
    try:
        application = _one(graph, f"applications/{guid}", doing)
    except AccessDeniedError:
        return []
    one = _one(graph, f"servicePrincipals(appId='{application.app_id}')", doing) if application else None
    return [one] if one else []


def _by_text(graph: Rest, text: str, doing: str) -> list[_Found]:
    found = {}
    if PREFIX.fullmatch(text):
        path = f"/v1.0/servicePrincipals?$filter=startswith(appId,{quoted(text.lower())})&$count=true&{_FIELDS}"
        found = {one.id: one for one in graph.pages(path, _Found, doing, _ADVANCED)}
    named = f"/v1.0/servicePrincipals?$filter=displayName%20eq%20{quoted(text)}&{_FIELDS}"
    found |= {one.id: one for one in graph.pages(named, _Found, doing)}
    return list(found.values())


def _one(graph: Rest, path: str, doing: str) -> _Found | None:
    try:
        return graph.get(f"/v1.0/{path}?{_FIELDS}", _Found, doing)
    except RestError as error:
        if error.status == 404:
            return None
        raise


def _principal(graph: Rest, found: _Found) -> Principal:
    """With the application's object id, where the application lies in this tenant and may be read."""
    try:
        application = _one(graph, f"applications(appId='{found.app_id}')", f"look up the application {found.app_id}")
    except AccessDeniedError:
        application = None
    return Principal(
        found.id.lower(), found.app_id.lower(), found.display_name, application.id if application else None
    )
