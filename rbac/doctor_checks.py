"""What `invoke doctor` asks Resource Manager: the rights of `rbac.check`, and the settings that guard the account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from local.cloud.errors import AccessDeniedError
from local.doctor.check import DoctorCheck, refused
from local.doctor.run import Precondition
from local.location import ContainerLocation, FolderLocation
from local.settings import AzureSettings, Settings, StoreSettings
from local.store.open import open_store
from rbac import account_safety, arm
from rbac.check import check as check_rights
from rbac.clients import open_clients
from rbac.evaluate import describe_scope
from rbac.result import CheckReport, Finding

_LIMIT_SECONDS = 90.0
_READER = "check azure.subscription, or ask for the role Reader on the storage account"
_STORAGE = "Microsoft.Storage/"
# With one of these the store is reached without any role.
_SECRETS = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN")


def preconditions(settings: Settings) -> tuple[Precondition, ...]:
    """The rights, and the account's safety; each says so where the configuration leaves it out."""
    return (_rights(settings), _safety(settings))


def judge_right(found: Finding, *, by_secret: bool) -> DoctorCheck:
    """One right; a store that is reached by a key or a SAS needs none at its blobs, but a token would."""
    at_store = found.action.startswith(_STORAGE)
    short = found.action.removesuffix("/action").rpartition("/")[2]
    where = f" on {describe_scope(found.scope)}" if found.scope else ""
    name = f"right {'blobs ' if '/blobs/' in found.action else ''}{short}{where}"
    told = f"{found.why} ({found.action})"
    if found.allowed:
        return DoctorCheck(name, "ok", told)
    mend = "invoke rbac.fix --store" if at_store else "invoke rbac.fix"
    if found.allowed is None:
        # A condition, or a group whose members nobody tells, leaves it open; else nobody could look.
        return DoctorCheck(name, "warn" if found.through else "skipped", told, "invoke rbac.check tells more")
    return DoctorCheck(name, "warn" if at_store and by_secret else "fail", told, mend)


def _rights(settings: Settings) -> Precondition:
    azure = settings.azure
    for key in ("subscription", "resource_group", "vm", "service_principal"):
        if not getattr(azure, key):
            told = f"azure.{key} is not configured, so there is nothing that rbac.check could look at"
            return _told("rights", told)
    return Precondition("rights", partial(_look_at_rights, azure, settings.store), _LIMIT_SECONDS)


def _look_at_rights(azure: AzureSettings, store: StoreSettings) -> Iterator[DoctorCheck]:
    try:
        found = check_rights(azure, store.location).rbac
    except AccessDeniedError as error:
        told = f"this login may not look: {error}"
        yield DoctorCheck("rights", "skipped", told, "have an admin of the resource group run: invoke rbac.check")
        return
    assert isinstance(found, CheckReport)
    by_secret = any(os.environ.get(name) for name in _SECRETS)
    yield DoctorCheck("rights", "ok", f"of {found.principal.display_name or found.principal.object_id}, as follows")
    for right in found.checks:
        yield judge_right(right, by_secret=by_secret)


def _safety(settings: Settings) -> Precondition:
    location = settings.store.location
    if isinstance(location, FolderLocation):
        return _told("account", "the store is a folder: no account has settings to guard it by")
    return Precondition("account", partial(_look_at_safety, settings, location), _LIMIT_SECONDS)


def _look_at_safety(settings: Settings, location: ContainerLocation) -> Iterator[DoctorCheck]:
    """By Resource Manager, or as far as the blob service itself tells."""
    azure = settings.azure
    missing = [key for key in ("subscription", "resource_group") if not getattr(azure, key)]
    if missing:
        yield DoctorCheck(
            "account", "skipped", f"azure.{missing[0]} is not configured, so its settings cannot be looked at"
        )
        yield _by_blob_service(settings)
        return
    try:
        facts = _facts(azure, location)
    except AccessDeniedError as error:
        yield refused("account", error, "skipped")
        yield _by_blob_service(settings)
        return
    if isinstance(facts, str):
        yield DoctorCheck("account", "skipped", f"its settings were not looked at: {facts}", _READER)
        yield _by_blob_service(settings)
        return
    yield from account_safety.judge(facts)


def _facts(azure: AzureSettings, location: ContainerLocation) -> account_safety.SafetyFacts | str:
    """The settings, or why the account was not found."""
    with open_clients(azure) as clients:
        accounts = arm.storage_accounts(clients, f"/subscriptions/{azure.subscription}", location)
        if accounts.store is None:
            return str(accounts.not_checked)
        return account_safety.read(clients, accounts.store, location.container)


def _by_blob_service(settings: Settings) -> DoctorCheck:
    """What needs no right in Resource Manager: whether deleted blobs can be brought back."""
    store = open_store(settings.store, settings.azure)
    kept = store.afterlife()
    name = "account: soft delete of blobs"
    if not kept:
        return DoctorCheck(name, "warn", "off: a deleted backup is gone at once", account_safety.SOFT_DELETE)
    return DoctorCheck(name, "skipped" if "could not be looked at" in kept else "ok", kept)


def _told(name: str, text: str) -> Precondition:
    return Precondition(name, lambda: [DoctorCheck(name, "skipped", text)])
