"""By which credential the store is reached, and who that is: never the secret or the token itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs

from local import clock
from local.cloud.credentials import caller_of, default_credential, source_of
from local.doctor.check import DoctorCheck
from local.doctor.run import Precondition
from local.location import FolderLocation
from local.settings import AzureSettings, StoreSettings

_NAME = "credential"
_LIMIT_SECONDS = 60.0
_SAS_WARNING = timedelta(days=7)
# What a backup and a drill need, as a SAS's `sp` names it; where it names none, a stored access policy does.
_NEEDED = {"r": "read", "w": "write", "l": "list"}
_SECRETS = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN")


@dataclass(frozen=True)
class Identity:
    """How the store is reached, in words; `sas` are the fields of a SAS other than its signature."""

    told: str
    sas: tuple[tuple[str, str], ...] = ()


def precondition(store: StoreSettings, azure: AzureSettings) -> Precondition:
    """Who reaches the store."""
    return Precondition(_NAME, partial(_look, store, azure), _LIMIT_SECONDS)


def identity_of(store: StoreSettings, azure: AzureSettings) -> Identity | None:
    """Who reaches the store, which asks Azure for a token where that is by a token; None: the store is a folder.

    Raises ConfigError where the environment contradicts the configuration, AzureError where the login is refused.
    """
    location = store.location
    if isinstance(location, FolderLocation):
        return None
    from local.store.azure_connection import connect
    from local.store.azure_links import TOKEN_SCOPE

    secret = connect(location, azure).secret
    variable = next((name for name in _SECRETS if os.environ.get(name)), "")
    if secret.key:
        return Identity(f"the account's key ({variable}), which names nobody and may do everything")
    if secret.sas:
        fields = parse_qs(secret.sas)
        sas = tuple((name, fields[name][0]) for name in ("se", "sp") if name in fields)
        return Identity(f"a SAS ({variable}), which names nobody", sas)
    with closing(default_credential(azure)) as login:
        caller = caller_of(login, TOKEN_SCOPE)
        way = source_of(login) or "a login"
    tenant = f", tenant {caller.tenant}" if caller.tenant else ""
    return Identity(f"{caller} by {way}{tenant}")


def judge(identity: Identity | None, now: datetime) -> DoctorCheck:
    """A SAS ends by itself, and lacks what it was not made with."""
    if identity is None:
        return DoctorCheck(_NAME, "skipped", "the store is a folder, which needs none")
    sas = dict(identity.sas)
    permissions = sas.get("sp", "".join(_NEEDED))
    lacking = [word for letter, word in _NEEDED.items() if letter not in permissions]
    mend = "make a new one with --permissions rwdl: az storage container generate-sas --help"
    if lacking:
        return DoctorCheck(_NAME, "fail", f"{identity.told}; it may not {', '.join(lacking)}", mend)
    expiry = _moment(sas.get("se"))
    if expiry is None:
        return DoctorCheck(_NAME, "ok", identity.told)
    told = f"{identity.told}; it ends {clock.timestamp(expiry)}"
    if expiry <= now:
        return DoctorCheck(_NAME, "fail", told, mend)
    return DoctorCheck(
        _NAME, "warn" if expiry - now < _SAS_WARNING else "ok", told, mend if expiry - now < _SAS_WARNING else ""
    )


def _look(store: StoreSettings, azure: AzureSettings) -> Iterator[DoctorCheck]:
    yield judge(identity_of(store, azure), clock.now())


def _moment(text: str | None) -> datetime | None:
    """A SAS's own time, UTC; None where it has none that reads (a stored access policy may hold it)."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
