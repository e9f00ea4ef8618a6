"""Azure Resource Manager's answers as facts: assignments, role definitions, deny assignments, storage accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, ConfigError
from local.location import FolderLocation, StoreLocation
from rbac.facts import Accounts, Assignment, Denial, Permission, Role
from rbac.manager import Manager
from rbac.rest import RestError, told

AUTHORIZATION = "/providers/Microsoft.Authorization"
_VM_VERSION = "api-version=2024-07-01"
_STORAGE_VERSION = "api-version=2023-05-01"


class _Resource(msgspec.Struct, frozen=True):
    id: str
    name: str


def require_vm(manager: Manager, scope: str) -> None:
    """Raises ConfigError where the VM is not there: an assignment at its scope would be refused or lost."""
    name = scope.rpartition("/")[2]
    try:
        manager.rest.get(f"{scope}?{_VM_VERSION}", _Resource, f"look at the VM {name}")
    except RestError as error:
        if error.status != 404:
            raise
        raise ConfigError(f"configuration: azure.vm {name}", error.came_back, error.mend) from None


def assignments(manager: Manager, scope: str, object_id: str) -> tuple[Assignment, ...]:
    """The assignments in force for a principal at a scope: inherited ones, and its groups' (Azure resolves them)."""
    return _assignments(manager, scope, f"atScope() and assignedTo({_literal(object_id)})")


def assignments_below(manager: Manager, scope: str, object_id: str | None = None) -> tuple[Assignment, ...]:
    """Every assignment at, above and below a scope; of one principal itself (not of its groups) where that is given."""
    return _assignments(manager, scope, f"principalId eq {_literal(object_id)}" if object_id else None)


def assignment(manager: Manager, assignment_id: str) -> Assignment | None:
    """One assignment by its resource id, also one that no list shows yet; None where there is none."""
    scope, _, name = assignment_id.partition(f"{AUTHORIZATION}/roleAssignments/")
    with _none_if_missing(), told("read a role assignment", scope):
        return _assignment(manager.authorization.role_assignments.get(_relative(scope), name))
    return None


def denials(manager: Manager, scope: str) -> tuple[Denial, ...]:
    """The deny assignments in force at a scope, inherited ones included, whomever they name."""
    with told("read the deny assignments", scope):
        listed = manager.authorization.deny_assignments.list_for_scope(_relative(scope), filter="atScope()")
        return tuple(_denial(one) for one in listed)


def role_by_guid(manager: Manager, scope: str, guid: str) -> Role | None:
    """One role definition, read at a scope where it can be assigned; None where there is none."""
    with _none_if_missing(), told("read a role definition", scope):
        return _role(manager.authorization.role_definitions.get(_relative(scope), guid))
    return None


def role_by_name(manager: Manager, scope: str, name: str) -> Role | None:
    """The role definition of that name that can be assigned at the scope; None where there is none."""
    with told(f"look up the role {name}", scope):
        named = f"roleName eq {_literal(name)}"
        listed = manager.authorization.role_definitions.list(_relative(scope), filter=named)
        return next((_role(one) for one in listed), None)


def role_id(scope: str, guid: str) -> str:
    """A role definition's resource id, as an assignment in the scope's subscription names it."""
    subscription = re.match(r"/subscriptions/[^/]+", scope)
    return f"{subscription[0] if subscription else ''}{AUTHORIZATION}/roleDefinitions/{guid}"


def accounts(manager: Manager, subscription_scope: str, store: StoreLocation) -> Accounts:
    """Where the store lies, and which storage accounts the caller sees; a list holds only what it may read."""
    in_folder = isinstance(store, FolderLocation)
    path = f"{subscription_scope}/providers/Microsoft.Storage/storageAccounts?{_STORAGE_VERSION}"
    try:
        seen = {one.name.lower(): one.id for one in manager.rest.pages(path, _Resource, "list the storage accounts")}
    except AccessDeniedError:
        reason = "the storage accounts of the subscription cannot be read"
        return Accounts(not_checked=None if in_folder else reason)
    ids = tuple(seen.values())
    if isinstance(store, FolderLocation):
        return Accounts(ids)
    if store.account not in seen:
        return Accounts(ids, not_checked=f"no storage account {store.account} is visible in the subscription")
    account = seen[store.account]
    return Accounts(ids, account, f"{account}/blobServices/default/containers/{store.container}")


def _assignments(manager: Manager, scope: str, filter_: str | None) -> tuple[Assignment, ...]:
    with told("read the role assignments", scope):
        listed = manager.authorization.role_assignments.list_for_scope(_relative(scope), filter=filter_)
        return tuple(_assignment(one) for one in listed)


@contextmanager
def _none_if_missing() -> Iterator[None]:
    try:
        yield
    except RestError as error:
        if error.status != 404:
            raise


def _relative(scope: str) -> str:
    """A scope as the SDK joins it to its URL."""
    return scope.removeprefix("/")


def _literal(text: str) -> str:
    """`text` in an OData filter."""
    return "'" + text.replace("'", "''") + "'"


def _assignment(one: Any) -> Assignment:
    guid = _said(one.role_definition_id).rpartition("/")[2].lower()
    kind = one.principal_type or "Unknown"
    name, holder = _said(one.name).lower(), _said(one.principal_id).lower()
    return Assignment(name, _said(one.scope), holder, guid, kind, one.condition or None)


def _role(one: Any) -> Role:
    custom = one.role_type == "CustomRole"
    return Role(_said(one.name).lower(), _said(one.role_name), _permissions(one.permissions), custom)


def _denial(one: Any) -> Denial:
    return Denial(
        one.deny_assignment_name or _said(one.name),
        _said(one.scope),
        _permissions(one.permissions),
        _principals(one.principals),
        _principals(one.exclude_principals),
        not one.do_not_apply_to_child_scopes,
    )


def _principals(listed: Iterable[Any] | None) -> Mapping[str, bool]:
    # "Everyone" has the type SystemDefined.
    return {_said(one.id).lower(): one.type == "Group" for one in listed or ()}


def _permissions(blocks: Iterable[Any] | None) -> tuple[Permission, ...]:
    return tuple(
        Permission(
            tuple(one.actions or ()),
            tuple(one.not_actions or ()),
            tuple(one.data_actions or ()),
            tuple(one.not_data_actions or ()),
        )
        for one in blocks or ()
    )


def _said(value: object) -> str:
    """A text that Azure always gives; the SDK takes an answer without it as well."""
    if not isinstance(value, str):
        raise AzureError("read Azure's answer", "it is not what Azure documents", "check the proxy and azure.endpoints")
    return value
