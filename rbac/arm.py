"""Azure Resource Manager's answers as facts: assignments, role definitions, deny assignments, VMs, storage accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec

from local.cloud.endpoints import vm_scope
from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, ConfigError
from local.location import FolderLocation, StoreLocation
from local.settings import AzureSettings
from rbac.clients import Clients
from rbac.facts import Assignment, DenyAssignment, Permission, Role, StorageAccounts
from rbac.rest import RestError, azure_errors, odata_literal
from remote.run_command import COMPUTE_API_VERSION

AUTHORIZATION = "/providers/Microsoft.Authorization"
_STORAGE_VERSION = "2023-05-01"


class _Resource(msgspec.Struct, frozen=True):
    id: str
    name: str


class _VersionsImmutable(msgspec.Struct, frozen=True):
    enabled: bool | None = None


class _ContainerProperties(msgspec.Struct, frozen=True):
    policy: bool | None = msgspec.field(default=None, name="hasImmutabilityPolicy")
    legal_hold: bool | None = msgspec.field(default=None, name="hasLegalHold")
    versions_immutable: _VersionsImmutable | None = msgspec.field(default=None, name="immutableStorageWithVersioning")


class _Container(msgspec.Struct, frozen=True):
    properties: _ContainerProperties


def require_vm(clients: Clients, azure: AzureSettings, vm: str) -> None:
    """Raises ConfigError where the VM is not there: an assignment at its scope would be refused or lost."""
    version = {"api-version": COMPUTE_API_VERSION}
    try:
        with azure_errors(f"look at the VM {vm}", vm_scope(azure, vm)):
            clients.compute.virtual_machines.get(str(azure.resource_group), vm, params=version)
    except RestError as error:
        if error.status != 404:
            raise
        raise ConfigError(f"configuration: azure.vm {vm}", error.came_back, error.mend) from None


def container_is_immutable(clients: Clients, container: str) -> bool:
    """Whether a blob in the container may not be deletable: an immutability policy or a legal hold is on it.

    Raises ConfigError where the container is not there: Azure would take an assignment at its scope all the same.
    https://learn.microsoft.com/rest/api/storagerp/blob-containers/get
    """
    try:
        path = f"{container}?api-version={_STORAGE_VERSION}"
        found = clients.arm.get(path, _Container, "look at the store's container").properties
    except RestError as error:
        if error.status != 404:
            raise
        _, _, after = container.partition("/storageAccounts/")
        account, name = after.split("/")[0], container.rpartition("/")[2]
        mend = f"az storage container create --account-name {account} --name {name} --auth-mode login"
        raise ConfigError("configuration: store.url", error.came_back, f"check it, or run: {mend}") from None
    versions = found.versions_immutable and found.versions_immutable.enabled
    return bool(found.policy or found.legal_hold or versions)


def assignments(clients: Clients, scope: str, object_id: str) -> tuple[Assignment, ...]:
    """The assignments in force for a principal at a scope: inherited ones, and its groups' (Azure resolves them)."""
    return _assignments(clients, scope, f"atScope() and assignedTo({odata_literal(object_id)})")


def assignments_below(clients: Clients, scope: str, object_id: str | None = None) -> tuple[Assignment, ...]:
    """Every assignment at, above and below a scope; of one principal itself (not of its groups) where that is given."""
    return _assignments(clients, scope, f"principalId eq {odata_literal(object_id)}" if object_id else None)


def assignment(clients: Clients, assignment_id: str) -> Assignment | None:
    """One assignment by its resource id, also one that no list shows yet; None where there is none."""
    scope, _, name = assignment_id.partition(f"{AUTHORIZATION}/roleAssignments/")
    with _none_if_missing(), azure_errors("read a role assignment", scope):
        return _assignment(clients.authorization.role_assignments.get(relative(scope), name))
    return None


def deny_assignments(clients: Clients, scope: str) -> tuple[DenyAssignment, ...]:
    """The deny assignments in force at a scope, inherited ones included, whomever they name."""
    with azure_errors("read the deny assignments", scope):
        listed = clients.authorization.deny_assignments.list_for_scope(relative(scope), filter="atScope()")
        return tuple(replace(_deny_assignment(answer), listed_at=frozenset({scope})) for answer in listed)


def role_by_guid(clients: Clients, scope: str, guid: str) -> Role | None:
    """One role definition, read at a scope where it can be assigned; None where there is none."""
    with _none_if_missing(), azure_errors("read a role definition", scope):
        return _role(clients.authorization.role_definitions.get(relative(scope), guid))
    return None


def role_by_name(clients: Clients, scope: str, name: str) -> Role | None:
    """The role definition of that name that can be assigned at the scope; None where there is none."""
    with azure_errors(f"look up the role {name}", scope):
        named = f"roleName eq {odata_literal(name)}"
        listed = clients.authorization.role_definitions.list(relative(scope), filter=named)
        return next((_role(answer) for answer in listed), None)


def role_id(scope: str, guid: str) -> str:
    """A role definition's resource id, as an assignment in the scope's subscription names it."""
    subscription = re.match(r"/subscriptions/[^/]+", scope)
    return f"{subscription[0] if subscription else ''}{AUTHORIZATION}/roleDefinitions/{guid}"


def storage_accounts(clients: Clients, subscription_scope: str, store: StoreLocation) -> StorageAccounts:
    """Where the store lies, and which storage accounts the caller sees; a list holds only what it may read."""
    in_folder = isinstance(store, FolderLocation)
    path = f"{subscription_scope}/providers/Microsoft.Storage/storageAccounts?api-version={_STORAGE_VERSION}"
    try:
        listed = clients.arm.pages(path, _Resource, "list the storage accounts")
        seen = {account.name.lower(): account.id for account in listed}
    except AccessDeniedError:
        reason = "the storage accounts of the subscription cannot be read"
        return StorageAccounts(not_checked=None if in_folder else reason)
    ids = tuple(seen.values())
    if isinstance(store, FolderLocation):
        return StorageAccounts(ids)
    if store.account not in seen:
        return StorageAccounts(ids, not_checked=f"no storage account {store.account} is visible in the subscription")
    account = seen[store.account]
    return StorageAccounts(ids, account, f"{account}/blobServices/default/containers/{store.container}")


def relative(scope: str) -> str:
    """A scope as the SDK joins it to its URL."""
    return scope.removeprefix("/")


def _assignments(clients: Clients, scope: str, filter_: str | None) -> tuple[Assignment, ...]:
    with azure_errors("read the role assignments", scope):
        listed = clients.authorization.role_assignments.list_for_scope(relative(scope), filter=filter_)
        return tuple(replace(_assignment(answer), listed_at=frozenset({scope})) for answer in listed)


@contextmanager
def _none_if_missing() -> Iterator[None]:
    try:
        yield
    except RestError as error:
        if error.status != 404:
            raise


def _assignment(answer: Any) -> Assignment:
    guid = _text(answer.role_definition_id).rpartition("/")[2].lower()
    kind = answer.principal_type or "Unknown"
    name, principal_id = _text(answer.name).lower(), _text(answer.principal_id).lower()
    return Assignment(name, _text(answer.scope), principal_id, guid, kind, answer.condition or None)


def _role(answer: Any) -> Role:
    custom = answer.role_type == "CustomRole"
    return Role(_text(answer.name).lower(), _text(answer.role_name), _permissions(answer.permissions), custom)


def _deny_assignment(answer: Any) -> DenyAssignment:
    return DenyAssignment(
        answer.deny_assignment_name or _text(answer.name),
        _text(answer.scope),
        _permissions(answer.permissions),
        _principals(answer.principals),
        _principals(answer.exclude_principals),
        not answer.do_not_apply_to_child_scopes,
    )


def _principals(listed: Iterable[Any] | None) -> Mapping[str, bool]:
    # "Everyone" has the type SystemDefined.
    return {_text(principal.id).lower(): principal.type == "Group" for principal in listed or ()}


def _permissions(blocks: Iterable[Any] | None) -> tuple[Permission, ...]:
    return tuple(
        Permission(
            tuple(block.actions or ()),
            tuple(block.not_actions or ()),
            tuple(block.data_actions or ()),
            tuple(block.not_data_actions or ()),
        )
        for block in blocks or ()
    )


def _text(value: object) -> str:
    """A text that Azure always gives; the SDK takes an answer without it as well."""
    if not isinstance(value, str):
        raise AzureError("read Azure's answer", "it is not what Azure documents", "check the proxy and azure.endpoints")
    return value
