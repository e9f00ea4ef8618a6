"""The store in an Azure Blob container: former contents are blob snapshots, or versions if the account keeps them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from local.cloud.credentials import default_credential
from local.cloud.errors import explain
from local.cloud.transport import transport_options
from local.errors import ConfigError, StoreError
from local.location import ContainerLocation
from local.settings import AzureSettings
from local.store import layout
from local.store.azure_upload import AzureUpload
from local.store.interface import SMALL_BLOB, Entry, changed_meanwhile

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

# Staging waits for round trips, not for this machine.
CONNECTIONS = 8


@dataclass(frozen=True)
class Former:
    """The content that a commit is about to replace; `seed` means an upload of ours that never came to its commit."""

    etag: str
    metadata: Mapping[str, str]

    @property
    def seed(self) -> bool:
        return layout.SEED_KEY in self.metadata


@dataclass(frozen=True)
class StorageSecret:
    """The account key or the SAS that the environment holds; both None where a token is used."""

    key: str | None = None
    sas: str | None = None

    def __repr__(self) -> str:
        return "StorageSecret(…)"


class AzureStore:
    """One container of one account."""

    def __init__(self, container: ContainerClient, account: str, secret: StorageSecret) -> None:
        self.url = container.url.partition("?")[0]
        self._account = account
        self._container = container
        self._secret = secret
        self._delegation: Any = None

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every content under `prefix`, snapshots and versions included."""
        with self.calls(f"list {prefix}/"):
            for blob in self._container.list_blobs(f"{prefix}/", include=["metadata", "snapshots", "versions"]):
                yield _entry(blob)

    def read(self, name: str) -> bytes | None:
        """A small blob's content; None if there is no such blob."""
        from azure.core.exceptions import ResourceNotFoundError

        with self.calls(f"read {name}"):
            try:
                content = bytes(self.blob(name).download_blob(offset=0, length=SMALL_BLOB + 1).readall())
            except ResourceNotFoundError as error:
                if error.error_code != "BlobNotFound":  # type: ignore[attr-defined]
                    raise
                return None
        if len(content) > SMALL_BLOB:
            raise StoreError(
                f"store: read {name}", f"it holds more than {SMALL_BLOB} bytes", "look at what stands there"
            )
        return content

    def write(self, name: str, content: bytes) -> None:
        """One Put Blob, which replaces the blob whole."""
        with self.calls(f"write {name}"):
            self.blob(name).upload_blob(content, overwrite=True)

    def upload(self, name: str, base: Entry | None) -> AzureUpload:
        """Begin an archive under `name`, reusing the blocks of its current content, or else those of `base`."""
        return AzureUpload(self, name, base, CONNECTIONS)

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """Set Blob Metadata on the day's own blob, or Copy Blob of another day's: no content travels."""
        former = self.former(name)
        if former:
            self.keep_former(name, former)
        if former and base.name == name:
            with self.calls(f"record {name}", name):
                self.blob(name).set_blob_metadata(dict(metadata), **self.only_if(base.etag))
        else:
            self.copy(name, base, metadata, former)
        return sum(len(key) + len(value) for key, value in metadata.items())

    def link(self, entry: Entry, seconds: int) -> str:
        """The blob's URL with a read-only SAS for it alone, or with the SAS that is all this machine holds."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        address = f"{self.blob(entry.name).url.partition('?')[0]}?"
        if entry.version:
            address += f"{entry.version}&"
        if self._secret.sas:
            return address + self._secret.sas
        version = {key: values[0] for key, values in parse_qs(entry.version or "").items()}
        expiry = datetime.now(UTC) + timedelta(seconds=seconds)
        return address + generate_blob_sas(
            self._account,
            str(self._container.container_name),
            entry.name,
            snapshot=version.get("snapshot"),
            version_id=version.get("versionid"),
            account_key=self._secret.key,
            user_delegation_key=None if self._secret.key else self._delegation_key(expiry),
            permission=BlobSasPermissions(read=True),
            expiry=expiry,
            protocol="https" if address.startswith("https:") else "https,http",
        )

    @property
    def links_may_travel(self) -> bool:
        """Whether `link` gives a SAS for one blob only, which may be handed to another machine."""
        return not self._secret.sas

    def blob(self, name: str) -> BlobClient:
        """The SDK's client for one blob."""
        return self._container.get_blob_client(name)

    def former(self, name: str) -> Former | None:
        """The current content of `name`, which is about to become a former one."""
        from azure.core.exceptions import ResourceNotFoundError

        with self.calls(f"look at {name}"):
            try:
                properties = self.blob(name).get_blob_properties()
            except ResourceNotFoundError:
                # A HEAD answer has no body, so only listing tells a missing blob from a missing container.
                next(iter(self._container.list_blobs(name)), None)
                return None
        return Former(etag=str(properties.etag), metadata=properties.metadata or {})

    def keep_former(self, name: str, former: Former) -> None:
        """A blob snapshot of what the next commit replaces; the former script's content takes its sidecar's digest."""
        if former.seed:
            return
        metadata = dict(former.metadata)
        if not metadata:
            digest = layout.parse_sidecar(self.read(layout.sidecar_name(name)) or b"")
            metadata = {"sha256": digest} if digest else {}
        with self.calls(f"keep the former {name}", name):
            self.blob(name).create_snapshot(metadata or None, **self.only_if(former.etag))

    def copy(self, name: str, base: Entry, metadata: Mapping[str, str], former: Former | None) -> str:
        """Copy Blob within the container, block list included; returns the new ETag."""
        from azure.core import MatchConditions

        source = self.link(base, seconds=3600) if self._secret.sas else self.blob(base.name).url
        with self.calls(f"copy {base.name} to {name}", name):
            answer = self.blob(name).start_copy_from_url(
                source,
                dict(metadata),
                source_etag=base.etag,
                source_match_condition=MatchConditions.IfNotModified,
                **self.only_if(former.etag if former else None),
            )
        if answer["copy_status"] != "success":
            # Within one account Azure copies at once; a copy that is only begun could be read half done.
            self.blob(name).abort_copy(str(answer["copy_id"]))
            raise StoreError(f"store: copy {name}", f"Azure answered {answer['copy_status']}", "run: invoke backup")
        return str(answer["etag"])

    @staticmethod
    def only_if(etag: str | None) -> dict[str, Any]:
        """The SDK's arguments for: only if the blob is still that one (None: only if there is none)."""
        from azure.core import MatchConditions

        if etag is None:
            return {"match_condition": MatchConditions.IfMissing}
        return {"etag": etag, "match_condition": MatchConditions.IfNotModified}

    @contextmanager
    def calls(self, doing: str, committing: str | None = None) -> Iterator[None]:
        """Azure's errors as ours; a failed condition means that another run committed meanwhile."""
        from azure.core.exceptions import AzureError as SdkError
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        try:
            yield
        except (ResourceModifiedError, ResourceExistsError) as error:
            if committing:
                raise changed_meanwhile(committing) from None
            raise explain(error, f"store: {doing}", self.url) from None
        except SdkError as error:
            raise explain(error, f"store: {doing}", self.url) from None

    def _delegation_key(self, expiry: datetime) -> Any:
        """One key for the run; Azure's clock may be behind ours, so it begins a little earlier."""
        if self._delegation is None:
            service = self._container._get_blob_service_client()
            start = datetime.now(UTC) - timedelta(minutes=15)
            with self.calls("get a user delegation key"):
                self._delegation = service.get_user_delegation_key(start, expiry + timedelta(minutes=15))
        return self._delegation


def connect(location: ContainerLocation, azure: AzureSettings) -> AzureStore:
    """The container there, reached with the environment's connection string, key or SAS, else a token."""
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient, ExponentialRetry
    from requests import Session
    from requests.adapters import HTTPAdapter

    secret = _secret_of_environment(location.account)
    session = Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=CONNECTIONS))
    if not secret.key and not secret.sas and not location.encrypted:
        raise ConfigError("store: connect", "a token is never sent over http", "use https, or set AZURE_STORAGE_KEY")
    container = ContainerClient.from_container_url(
        location.url,
        credential=_sdk_credential(location.account, secret) or default_credential(azure),
        transport=RequestsTransport(session=session, session_owner=False, **transport_options()),
        # The SDK's default waits 15 s before its first retry; a person waits for this one.
        retry_policy=ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=4),
    )
    return AzureStore(container, location.account, secret)


def _sdk_credential(account: str, secret: StorageSecret) -> Any:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    if secret.key:
        return AzureNamedKeyCredential(account, secret.key)
    return AzureSasCredential(secret.sas) if secret.sas else None


def _secret_of_environment(account: str) -> StorageSecret:
    """As `az` takes them, in its order."""
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


def _entry(blob: BlobProperties) -> Entry:
    version = None
    if blob.snapshot:
        version = f"snapshot={blob.snapshot}"
    elif blob.version_id and not blob.is_current_version:
        version = f"versionid={blob.version_id}"
    return Entry(
        name=str(blob.name),
        size=blob.size,
        modified=blob.last_modified,
        version=version,
        metadata=blob.metadata or {},
        # A listing gives the ETag without its quotes.
        etag=f'"{str(blob.etag).strip(chr(34))}"',
    )
