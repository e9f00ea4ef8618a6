"""One container and the conditional calls on its blobs, on which both the store and an upload into it are built.

An ETag names one state of a blob. Every call that changes a blob carries the one that it was based on, so that Azure
refuses it where another run came in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.errors import StoreError
from local.store import layout
from local.store.azure_connection import AzureConnection
from local.store.azure_links import AzureLinks
from local.store.interface import SMALL_BLOB_BYTES, Entry

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties

# How long Azure itself may take to read the source of a copy, where a link is what lets it.
COPY_LINK_SECONDS = 3600


class AzureContainer:
    """One container of one account."""

    def __init__(self, connection: AzureConnection) -> None:
        self.url = connection.url
        self.links = AzureLinks(connection)
        self._connection = connection

    def calls(self, doing: str, committing: str | None = None) -> AbstractContextManager[None]:
        """As `AzureConnection.calls`: Azure's errors as ours."""
        return self._connection.calls(doing, committing)

    def blob(self, name: str) -> BlobClient:
        """The SDK's client for one blob."""
        return self._connection.client.get_blob_client(name)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every content under the folder `prefix`, snapshots and versions included."""
        with self.calls(f"list {prefix}/"):
            found = self._connection.client.list_blobs(f"{prefix}/", include=["metadata", "snapshots", "versions"])
            for properties in found:
                yield _entry(properties)

    def current(self, name: str) -> Entry | None:
        """The content that `name` holds now; None if there is no such blob, AzureError if there is no container."""
        from azure.core.exceptions import ResourceNotFoundError

        with self.calls(f"look at {name}"):
            try:
                properties = self.blob(name).get_blob_properties()
            except ResourceNotFoundError:
                # A HEAD answer has no body, so only listing tells a missing blob from a missing container.
                next(iter(self._connection.client.list_blobs(name)), None)
                return None
        return replace(_entry(properties), name=name, version=None)

    def read(self, name: str) -> bytes | None:
        """A small blob's content; None if there is no such blob, StoreError if it is larger than SMALL_BLOB_BYTES."""
        from azure.core.exceptions import ResourceNotFoundError

        with self.calls(f"read {name}"):
            try:
                content = bytes(self.blob(name).download_blob(offset=0, length=SMALL_BLOB_BYTES + 1).readall())
            except ResourceNotFoundError as error:
                if error.error_code != "BlobNotFound":  # type: ignore[attr-defined]
                    raise
                return None
        if len(content) > SMALL_BLOB_BYTES:
            raise StoreError(
                f"store: read {name}", f"it holds more than {SMALL_BLOB_BYTES} bytes", "look at what stands there"
            )
        return content

    def read_range(self, entry: Entry, offset: int, count: int) -> bytes:
        """At most `count` bytes of a content from `offset` on, if it is still the one that was listed."""
        with self.calls(f"read {entry.name}", entry.name):
            loading = self.blob(entry.name).download_blob(offset=offset, length=count, **only_if(entry.etag))
            return bytes(loading.readall())

    def write_sidecar(self, name: str, metadata: Mapping[str, str]) -> None:
        """The sidecar says the metadata's digest; one that says it already is left as it is."""
        sidecar = layout.sidecar_name(name)
        line = layout.sidecar_line(metadata["sha256"], name)
        if self.read(sidecar) != line:
            with self.calls(f"write {sidecar}"):
                self.blob(sidecar).upload_blob(line, overwrite=True)

    def keep(self, current: Entry) -> None:
        """A blob snapshot of what the next commit replaces; an upload that never came to its commit is not kept.

        A content of the former script says nothing of itself, so its snapshot takes the digest of its sidecar.
        """
        if layout.is_unfinished(current.metadata):
            return
        metadata = dict(current.metadata)
        if not metadata:
            digest = layout.parse_sidecar(self.read(layout.sidecar_name(current.name)) or b"")
            metadata = {"sha256": digest} if digest else {}
        with self.calls(f"keep the former {current.name}", current.name):
            self.blob(current.name).create_snapshot(metadata or None, **only_if(current.etag))

    def copy(self, name: str, base: Entry, metadata: Mapping[str, str], etag: str | None) -> str:
        """Copy Blob within the container, block list included, if `name` still has that ETag; returns the new ETag.

        Raises StoreError where another run committed `name` meanwhile, or Azure only began to copy.
        """
        from azure.core import MatchConditions

        with self.calls(f"copy {base.name} to {name}", name):
            answer = self.blob(name).start_copy_from_url(
                self._copy_source(base),
                dict(metadata),
                source_etag=base.etag,
                source_match_condition=MatchConditions.IfNotModified,
                **only_if(etag),
            )
        if answer["copy_status"] != "success":
            # Within one account Azure copies at once; a copy that is only begun could be read half done.
            self.blob(name).abort_copy(str(answer["copy_id"]))
            raise StoreError(f"store: copy {name}", f"Azure answered {answer['copy_status']}", "run: invoke backup")
        return str(answer["etag"])

    def _copy_source(self, base: Entry) -> str:
        """The URL of a blob as Azure itself reads it; a SAS is no login, so the source needs one as well."""
        if self._connection.secret.sas:
            return self.links.link(base, COPY_LINK_SECONDS)
        return str(self.blob(base.name).url)


def only_if(etag: str | None) -> dict[str, Any]:
    """The SDK's arguments for a call that must find the blob with that ETag (None: must find no blob)."""
    from azure.core import MatchConditions

    if etag is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _entry(properties: BlobProperties) -> Entry:
    version = None
    if properties.snapshot:
        version = f"snapshot={properties.snapshot}"
    elif properties.version_id and not properties.is_current_version:
        version = f"versionid={properties.version_id}"
    return Entry(
        name=str(properties.name),
        size=properties.size,
        modified=properties.last_modified,
        version=version,
        metadata=properties.metadata or {},
        # A listing gives the ETag without its quotes.
        etag=f'"{str(properties.etag).strip(chr(34))}"',
    )
