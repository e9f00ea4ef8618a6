"""Azure Resource Manager's answers as facts: assignments, role definitions, deny assignments, storage accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

import msgspec

from local.cloud import AccessDeniedError
from local.errors import ConfigError
from local.settings import LOOPBACK_HOSTS
from rbac.facts import Accounts, Assignment, Denial, Permission, Role
from rbac.rest import Rest, RestError, quoted

AUTHORIZATION = "/providers/Microsoft.Authorization"
VERSION = "api-version=2022-04-01"
_VM_VERSION = "api-version=2024-07-01"
_STORAGE_VERSION = "api-version=2023-05-01"


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    """Every kind's properties are optional here: Azure sends null for an empty list and leaves fields out."""


class _Permission(_Body, frozen=True):
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    data_actions: tuple[str, ...] | None = None
    not_data_actions: tuple[str, ...] | None = None


class _RoleProperties(_Body, frozen=True):
    role_name: str
    type: str
    permissions: tuple[_Permission, ...] = ()


class _Role(_Body, frozen=True):
    name: str
    properties: _RoleProperties


class _AssignmentProperties(_Body, frozen=True):
    role_definition_id: str
    principal_id: str
    scope: str
    principal_type: str | None = None
    condition: str | None = None


class _Assignment(_Body, frozen=True):
    name: str
    properties: _AssignmentProperties


class _DeniedPrincipal(_Body, frozen=True):
    id: str
    type: str | None = None


class _DenialProperties(_Body, frozen=True):
    scope: str
    deny_assignment_name: str = ""
    permissions: tuple[_Permission, ...] = ()
    principals: tuple[_DeniedPrincipal, ...] = ()
    exclude_principals: tuple[_DeniedPrincipal, ...] = ()
    do_not_apply_to_child_scopes: bool | None = None


class _Denial(_Body, frozen=True):
    name: str
    properties: _DenialProperties


class _Resource(_Body, frozen=True):
    id: str
    name: str


def require_vm(arm: Rest, scope: str) -> None:
    """Raises ConfigError where the VM is not there: an assignment at its scope would be refused or lost."""
    name = scope.rpartition("/")[2]
    try:
        arm.get(f"{scope}?{_VM_VERSION}", _Resource, f"look at the VM {name}")
    except RestError as error:
        if error.status != 404:
            raise
        raise ConfigError(f"configuration: azure.vm {name}", error.came_back, error.mend) from None


def assignments(arm: Rest, scope: str, object_id: str) -> Iterator[Assignment]:
    """The assignments in force for a principal at a scope: inherited ones, and its groups' (Azure resolves them)."""
    filter_ = f"$filter=atScope()%20and%20assignedTo({quoted(object_id)})"
    path = f"{scope}{AUTHORIZATION}/roleAssignments?{VERSION}&{filter_}"
    return (_assignment(one) for one in arm.pages(path, _Assignment, "read the role assignments"))


def assignments_below(arm: Rest, scope: str, object_id: str | None = None) -> tuple[Assignment, ...]:
    """Every assignment at, above and below a scope; of one principal itself (not of its groups) where that is given."""
    filter_ = f"&$filter=principalId%20eq%20{quoted(object_id)}" if object_id else ""
    path = f"{scope}{AUTHORIZATION}/roleAssignments?{VERSION}{filter_}"
    return tuple(_assignment(one) for one in arm.pages(path, _Assignment, "read the role assignments"))


def assignment(arm: Rest, assignment_id: str) -> Assignment | None:
    """One assignment by its resource id, also one that no list shows yet; None where there is none."""
    try:
        return _assignment(arm.get(f"{assignment_id}?{VERSION}", _Assignment, "read a role assignment"))
    except RestError as error:
        if error.status == 404:
            return None
        raise


def denials(arm: Rest, scope: str) -> Iterator[Denial]:
    """The deny assignments in force at a scope, inherited ones included, whomever they name."""
    path = f"{scope}{AUTHORIZATION}/denyAssignments?{VERSION}&$filter=atScope()"
    return (_denial(one) for one in arm.pages(path, _Denial, "read the deny assignments"))


def role_by_guid(arm: Rest, scope: str, guid: str) -> Role | None:
    """One role definition, read at a scope where it can be assigned; None where there is none."""
    path = f"{scope}{AUTHORIZATION}/roleDefinitions/{guid}?{VERSION}"
    try:
        return _role(arm.get(path, _Role, "read a role definition"))
    except RestError as error:
        if error.status == 404:
            return None
        raise


def role_by_name(arm: Rest, scope: str, name: str) -> Role | None:
    """The role definition of that name that can be assigned at the scope; None where there is none."""
    path = f"{scope}{AUTHORIZATION}/roleDefinitions?{VERSION}&$filter=roleName%20eq%20{quoted(name)}"
    return next((_role(one) for one in arm.pages(path, _Role, f"look up the role {name}")), None)


def role_id(scope: str, guid: str) -> str:
    """A role definition's resource id, as an assignment in the scope's subscription names it."""
    subscription = re.match(r"/subscriptions/[^/]+", scope)
    return f"{subscription[0] if subscription else ''}{AUTHORIZATION}/roleDefinitions/{guid}"


def accounts(arm: Rest, subscription_scope: str, store_url: str) -> Accounts:
    """Where the store lies, and which storage accounts the caller sees; a list holds only what it may read."""
    parts = urlsplit(store_url)
    path = f"{subscription_scope}/providers/Microsoft.Storage/storageAccounts?{_STORAGE_VERSION}"
    try:
        seen = {one.name.lower(): one.id for one in arm.pages(path, _Resource, "list the storage accounts")}
    except AccessDeniedError:
        reason = "the storage accounts of the subscription cannot be read"
        return Accounts(not_checked=None if parts.scheme == "file" else reason)
    ids = tuple(seen.values())
    if parts.scheme == "file":
        return Accounts(ids)
    name, container = str(parts.hostname).partition(".")[0], parts.path.strip("/")
    if parts.hostname in LOOPBACK_HOSTS:
        name, _, container = container.partition("/")
    container = container.partition("/")[0]
    if name not in seen:
        return Accounts(ids, not_checked=f"no storage account {name} is visible in the subscription")
    return Accounts(ids, seen[name], f"{seen[name]}/blobServices/default/containers/{container}")


def _assignment(one: _Assignment) -> Assignment:
    told = one.properties
    guid = told.role_definition_id.rpartition("/")[2].lower()
    kind = told.principal_type or "Unknown"
    return Assignment(one.name.lower(), told.scope, told.principal_id.lower(), guid, kind, told.condition or None)


def _role(one: _Role) -> Role:
    told = one.properties
    return Role(one.name.lower(), told.role_name, _permissions(told.permissions), told.type == "CustomRole")


def _denial(one: _Denial) -> Denial:
    told = one.properties
    return Denial(
        told.deny_assignment_name or one.name,
        told.scope,
        _permissions(told.permissions),
        _principals(told.principals),
        _principals(told.exclude_principals),
        not told.do_not_apply_to_child_scopes,
    )


def _principals(listed: Iterable[_DeniedPrincipal]) -> Mapping[str, bool]:
    # "Everyone" has the type SystemDefined.
    return {one.id.lower(): one.type == "Group" for one in listed}


def _permissions(blocks: Iterable[_Permission]) -> tuple[Permission, ...]:
    return tuple(
        Permission(one.actions or (), one.not_actions or (), one.data_actions or (), one.not_data_actions or ())
        for one in blocks
    )
