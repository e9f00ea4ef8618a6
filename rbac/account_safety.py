"""The settings of a storage account that keep backups from whoever may write or delete them: read, and judged.

Each is a warning, with the command that sets it: whether it is wanted is for the account's owner to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

import msgspec

from local.doctor.check import DoctorCheck
from rbac.arm import container_is_immutable
from rbac.clients import Clients

_STORAGE_VERSION = "2023-05-01"
_SERVICE = "az storage account blob-service-properties update --account-name {account} --resource-group {group}"
SOFT_DELETE = f"{_SERVICE} --enable-delete-retention true --delete-retention-days 14".format(
    account="ACCOUNT", group="GROUP"
)


class _RetentionPolicy(msgspec.Struct, frozen=True):
    enabled: bool | None = None
    days: int | None = None


class _ServiceProperties(msgspec.Struct, frozen=True):
    blobs: _RetentionPolicy = msgspec.field(default=_RetentionPolicy(), name="deleteRetentionPolicy")
    containers: _RetentionPolicy = msgspec.field(default=_RetentionPolicy(), name="containerDeleteRetentionPolicy")
    versions: bool | None = msgspec.field(default=None, name="isVersioningEnabled")


class _Service(msgspec.Struct, frozen=True):
    properties: _ServiceProperties


class _AccountProperties(msgspec.Struct, frozen=True):
    # Azure takes an account that says nothing for one that allows (https://learn.microsoft.com/rest/api/storagerp).
    shared_key: bool | None = msgspec.field(default=None, name="allowSharedKeyAccess")
    public: bool | None = msgspec.field(default=None, name="allowBlobPublicAccess")


class _Account(msgspec.Struct, frozen=True):
    properties: _AccountProperties


@dataclass(frozen=True)
class SafetyFacts:
    """An account's settings; days of soft delete are None where it is off, `immutable` where anything holds blobs."""

    account: str
    group: str
    container: str
    versions: bool
    blob_days: int | None
    container_days: int | None
    immutable: bool
    shared_key: bool
    public: bool


def read(clients: Clients, account_id: str, container: str) -> SafetyFacts:
    """The settings as Resource Manager tells them; raises AccessDeniedError where the login may not look.

    https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties
    """
    version = f"?api-version={_STORAGE_VERSION}"
    account = clients.arm.get(f"{account_id}{version}", _Account, "look at the storage account").properties
    path = f"{account_id}/blobServices/default"
    service = clients.arm.get(f"{path}{version}", _Service, "look at the account's blob service").properties
    named = re.search(r"/resourceGroups/([^/]+)/", account_id, re.IGNORECASE)
    return SafetyFacts(
        account=account_id.rpartition("/")[2],
        group=named[1] if named else "GROUP",
        container=container,
        versions=bool(service.versions),
        blob_days=service.blobs.days if service.blobs.enabled else None,
        container_days=service.containers.days if service.containers.enabled else None,
        immutable=container_is_immutable(clients, f"{path}/containers/{container}"),
        shared_key=account.shared_key is not False,
        public=account.public is not False,
    )


def judge(facts: SafetyFacts) -> tuple[DoctorCheck, ...]:
    """One check a setting; docs/security.md says what each is worth."""
    return (*_blob_service_checks(facts), _immutability_check(facts), *_account_checks(facts))


def _blob_service_checks(facts: SafetyFacts) -> Iterator[DoctorCheck]:
    service = _SERVICE.format(account=quote(facts.account), group=quote(facts.group))
    yield _judged(
        "versions",
        facts.versions,
        "an overwritten or deleted backup stays as a version",
        "off: whoever writes the store can replace a backup for good",
        f"{service} --enable-versioning true",
    )
    yield _judged(
        "soft delete of blobs",
        facts.blob_days is not None,
        f"a deleted backup can be brought back for {facts.blob_days} days",
        "off: a deleted backup is gone at once",
        f"{service} --enable-delete-retention true --delete-retention-days 14",
    )
    yield _judged(
        "soft delete of containers",
        facts.container_days is not None,
        f"a deleted container can be brought back for {facts.container_days} days",
        "off: a deleted container is gone with every backup in it",
        f"{service} --enable-container-delete-retention true --container-delete-retention-days 14",
    )


def _immutability_check(facts: SafetyFacts) -> DoctorCheck:
    """Versions of a container are immutable only where it was made so (docs/security.md)."""
    create = f"az storage container-rm create --storage-account {quote(facts.account)}"
    return _judged(
        "immutability",
        facts.immutable,
        f"{facts.container} holds what is written there against deletion",
        f"off for {facts.container}: who may delete can delete every backup; a new container can have it from the "
        "start, which is then to be named in store.url",
        f"{create} --resource-group {quote(facts.group)} --name NEW --enable-vlw true",
    )


def _account_checks(facts: SafetyFacts) -> Iterator[DoctorCheck]:
    update = f"az storage account update --name {quote(facts.account)} --resource-group {quote(facts.group)}"
    yield _judged(
        "shared keys",
        not facts.shared_key,
        "off: every call is made by somebody with a name",
        "allowed: whoever has the account's key may do everything, and no log names them; once nothing uses "
        "AZURE_STORAGE_KEY or a key's SAS any more, turn it off",
        f"{update} --allow-shared-key-access false",
    )
    yield _judged(
        "anonymous access",
        not facts.public,
        "off: no container can be opened to everybody",
        "allowed: a container can be opened to everybody",
        f"{update} --allow-blob-public-access false",
    )


def _judged(name: str, safe: bool, good: str, bad: str, mend: str) -> DoctorCheck:
    return DoctorCheck(f"account: {name}", "ok", good) if safe else DoctorCheck(f"account: {name}", "warn", bad, mend)
