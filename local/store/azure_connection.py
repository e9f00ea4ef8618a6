"""How a storage account is reached: with the environment's connection string, key or SAS, else with a token."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.cloud.credentials import ExplainedLogin, default_credential
from local.cloud.errors import explain
from local.cloud.transport import session_to, transport_options
from local.errors import ConfigError
from local.location import ContainerLocation
from local.settings import AzureSettings
from local.store.azure_retry import retry_policy

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

# How many connections are held open: staging waits for round trips, not for this machine.
CONNECTIONS = 8


@dataclass(frozen=True)
class StorageSecret:
    """The account key or the SAS that the environment holds; both None where a token is used."""

    key: str | None = None
    sas: str | None = None

    def __repr__(self) -> str:
        return "StorageSecret(…)"


@dataclass(frozen=True)
class AzureConnection:
    """The SDK's client for one container, the account it is in, and the secret by which it is reached."""

    client: ContainerClient
    account: str
    secret: StorageSecret

    @property
    def url(self) -> str:
        """The container's URL without a query string, which may hold a SAS."""
        return str(self.client.url).partition("?")[0]

    @contextmanager
    def calls(self, doing: str) -> Iterator[None]:
        """The SDK's errors as AzureError, told with what was being done."""
        from azure.core.exceptions import AzureError as SdkError

        try:
            yield
        except SdkError as error:
            raise explain(error, f"store: {doing}", self.url) from None


def connect(location: ContainerLocation, azure: AzureSettings) -> AzureConnection:
    """A connection to the container there; nothing is sent yet.

    Raises ConfigError where the environment's secret is another account's, or a token would go over http.
    """
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient

    secret = _secret_of_environment(location.account)
    if not secret.key and not secret.sas and not location.encrypted:
        raise ConfigError("store: connect", "a token is never sent over http", "use https, or set AZURE_STORAGE_KEY")
    client = ContainerClient.from_container_url(
        location.url,
        credential=_sdk_credential(location.account, secret) or ExplainedLogin(default_credential(azure), location.url),
        transport=RequestsTransport(
            session=session_to(location.url, CONNECTIONS), session_owner=False, **transport_options()
        ),
        retry_policy=retry_policy(),
    )
    return AzureConnection(client, location.account, secret)


def _secret_of_environment(account: str) -> StorageSecret:
    """The key or the SAS in the variables that `az` reads, in the order in which it reads them."""
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if not connection:
        sas = os.environ.get("AZURE_STORAGE_SAS_TOKEN", "").lstrip("?")
        return StorageSecret(key=os.environ.get("AZURE_STORAGE_KEY") or None, sas=sas or None)
    fields = dict(part.split("=", 1) for part in connection.strip(";").split(";") if "=" in part)
    if fields.get("AccountName", account) != account:
        raise ConfigError(
            "store: connect",
            f"AZURE_STORAGE_CONNECTION_STRING is for the account {fields['AccountName']}, store.url for {account}",
            "unset it, or mend store.url",
        )
    return StorageSecret(key=fields.get("AccountKey"), sas=fields.get("SharedAccessSignature", "").lstrip("?") or None)


def _sdk_credential(account: str, secret: StorageSecret) -> Any:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    if secret.key:
        return AzureNamedKeyCredential(account, secret.key)
    return AzureSasCredential(secret.sas) if secret.sas else None
