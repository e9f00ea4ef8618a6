"""Links to single blobs: URLs with a signature (SAS) by which a drill reads one content, and only reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from local.cloud.errors import AccessDeniedError
from local.store.azure_connection import AzureConnection
from local.store.interface import Entry, Link

# Azure's clock may be behind or ahead of ours, so a delegation key is valid a little longer at either end.
CLOCK_SKEW = timedelta(minutes=15)
# A key lasts this much longer than its first link, so that the links of a minute are signed with one key.
KEY_RESERVE = timedelta(hours=1)
# One audience for every account, in every cloud.
TOKEN_SCOPE = "https://storage.azure.com/.default"  # noqa: S105


class AzureLinks:
    """Makes the links of one container, signed with the account key or with a delegation key that outlives them."""

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection
        self._delegation_key: Any = None
        self._refusal: AccessDeniedError | None = None

    @property
    def may_travel(self) -> bool:
        """Whether a link opens one blob only and goes over https, so that it may be handed to another machine."""
        return not self._connection.secret.sas and self._connection.url.startswith("https://")

    def link(self, entry: Entry, seconds: int) -> str:
        """The blob's URL with a read-only SAS for it alone, valid for `seconds`.

        Where a SAS is all that this machine holds, the link carries that one. Raises AzureError where Azure gives out
        no delegation key.
        """
        version = f"{entry.version}&" if entry.version else ""
        return f"{self._address(entry)}?{version}{self._connection.secret.sas or self._sign(entry, seconds)}"

    def link_by_token(self, entry: Entry) -> Link:
        """The blob's URL and this login's own token for it, which may last for minutes only and opens all that it may.

        https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
        """
        client: Any = self._connection.client
        token = client.credential.get_token(TOKEN_SCOPE).token
        version = f"?{entry.version}" if entry.version else ""
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": client.api_version}
        return Link(f"{self._address(entry)}{version}", headers)

    def hand_in_link(self, name: str, seconds: int) -> str:
        """The URL of a blob that is not there yet, with a SAS that makes it, and neither reads nor replaces it.

        Raises AzureError where Azure gives out no delegation key.
        """
        entry = Entry(name, 0, datetime.now(UTC))
        return f"{self._address(entry)}?{self._sign(entry, seconds, create=True)}"

    def _address(self, entry: Entry) -> str:
        return str(self._connection.client.get_blob_client(entry.name).url.partition("?")[0])

    def _sign(self, entry: Entry, seconds: int, *, create: bool = False) -> str:
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        connection = self._connection
        version = {key: values[0] for key, values in parse_qs(entry.version or "").items()}
        expiry = datetime.now(UTC) + timedelta(seconds=seconds)
        return generate_blob_sas(
            connection.account,
            str(connection.client.container_name),
            entry.name,
            snapshot=version.get("snapshot"),
            version_id=version.get("versionid"),
            account_key=connection.secret.key,
            user_delegation_key=None if connection.secret.key else self._delegation_key_until(expiry),
            permission=BlobSasPermissions(create=True) if create else BlobSasPermissions(read=True),
            expiry=expiry,
            protocol="https" if connection.url.startswith("https:") else "https,http",
        )

    def _delegation_key_until(self, expiry: datetime) -> Any:
        """A key that is valid beyond `expiry`: a link dies with its key, whatever its own expiry says.

        The one that signed an earlier link signs this one too, if it lasts long enough.
        https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
        """
        if self._refusal:
            raise self._refusal
        if self._delegation_key is None or _expiry_of(self._delegation_key) < expiry + CLOCK_SKEW:
            service = self._connection.client._get_blob_service_client()
            try:
                with self._connection.calls("get a user delegation key"):
                    self._delegation_key = service.get_user_delegation_key(
                        datetime.now(UTC) - CLOCK_SKEW, expiry + CLOCK_SKEW + KEY_RESERVE
                    )
            except AccessDeniedError as refusal:
                # Azure would say the same for each database.
                self._refusal = refusal
                raise
        return self._delegation_key


def _expiry_of(delegation_key: Any) -> datetime:
    """When the key ends by Azure's own word, to the second."""
    return datetime.fromisoformat(str(delegation_key.signed_expiry))
