"""One container and the conditional calls on its blobs, on which both the store and an upload into it are built.

An ETag names one state of a blob. Every call that changes a blob carries the one that it was based on, so that Azure
refuses it where another run came in between. Where an answer is doubtful the blob is read again: it may be the very one
that was to be made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from local.errors import PillarError, StoreError
from local.store import azure_refusals, layout
from local.store.azure_connection import AzureConnection
from local.store.azure_current import CurrentBlob, entry_of
from local.store.azure_links import AzureLinks
from local.store.interface import SMALL_BLOB_BYTES, Entry, changed_meanwhile

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

# How long Azure itself may take to read the source of a copy, where a link is what lets it.
COPY_LINK_SECONDS = 3600
# A page is held in memory whole, several times over while it is decoded; Azure's own 5,000 take more than 50 MB.
ENTRIES_A_PAGE = 1000


class AzureContainer:
    """One container of one account."""

    def __init__(self, connection: AzureConnection) -> None:
        self.url = connection.url
        self.links = AzureLinks(connection)
        self._connection = connection

    @contextmanager
    def calls(self, doing: str, committing: str | None = None) -> Iterator[None]:
        """Azure's errors as ours, told with what was being done.

        Where `committing` names a blob, a failed condition is a StoreError: another run committed that blob meanwhile.
        """
        from azure.core.exceptions import AzureError as SdkError

        with self._connection.calls(doing):
            try:
                yield
            except SdkError as error:
                if committing and azure_refusals.is_race(error):
                    raise changed_meanwhile(committing) from None
                raise

    def blob(self, name: str, version: str | None = None) -> BlobClient:
        """The SDK's client for one blob, or for a former content of it."""
        named = {key: values[0] for key, values in parse_qs(version or "").items()}
        return self._connection.client.get_blob_client(name, named.get("snapshot"), version_id=named.get("versionid"))

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """Every content whose name begins with `prefix`, a slash and `beginning`, snapshots and versions included.

        Azure lists names in alphabetical order (https://learn.microsoft.com/rest/api/storageservices/list-blobs).
        """
        with self.calls("list what is stored"):
            found = self._connection.client.list_blobs(
                f"{prefix}/{beginning}",
                include=["metadata", "snapshots", "versions"],
                results_per_page=ENTRIES_A_PAGE,
            )
            for properties in found:
                yield entry_of(properties)

    def names(self, prefix: str) -> Iterator[str]:
        """The names of the current blobs under the folder `prefix`."""
        with self.calls("list what is stored"):
            yield from self._connection.client.list_blob_names(name_starts_with=f"{prefix}/")

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names of the folders right under the folder `prefix`."""
        with self.calls("list what is stored"):
            found = [item.name for item in self._connection.client.walk_blobs(f"{prefix}/", delimiter="/")]
        return tuple(sorted(name.rstrip("/").rpartition("/")[2] for name in found if name.endswith("/")))

    def current(self, name: str) -> CurrentBlob | None:
        """The content that `name` holds now; None if there is no such blob, AzureError if there is no container."""
        from azure.core.exceptions import ResourceNotFoundError

        with self.calls(f"look at {name}"):
            try:
                return CurrentBlob.of(name, self.blob(name).get_blob_properties())
            except ResourceNotFoundError:
                # A HEAD answer has no body, so only listing tells a missing blob from a missing container.
                next(iter(self._connection.client.list_blobs(name)), None)
                return None

    @cached_property
    def is_immutable(self) -> bool:
        """Whether blobs here can't be replaced nor deleted, as far as this login may ask; asked once.

        A policy on versions lets a commit make another version, so it is none of this kind
        (https://learn.microsoft.com/azure/storage/blobs/immutable-version-level-worm-policies).
        """
        from azure.core.exceptions import HttpResponseError

        with self.calls("look at the container"):
            try:
                found = self._connection.client.get_container_properties()
            except HttpResponseError:
                # A SAS for the container may not ask for its properties; then a refused commit tells.
                return False
        held = found.has_immutability_policy or found.has_legal_hold
        return bool(held and not found.immutable_storage_with_versioning_enabled)

    def read(self, name: str) -> bytes | None:
        """A small blob's content; None if there is no such blob, StoreError if it is larger than SMALL_BLOB_BYTES."""
        return self.read_with_etag(name)[0]

    def read_with_etag(self, name: str) -> tuple[bytes | None, str | None]:
        """As `read`, and the ETag on which it can be replaced."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        with self.calls(f"read {name}"):
            try:
                loading = self.blob(name).download_blob(offset=0, length=SMALL_BLOB_BYTES + 1)
                content = bytes(loading.readall())
            except ResourceNotFoundError as error:
                if azure_refusals.code_of(error) != "BlobNotFound":
                    raise
                return None, None
            except HttpResponseError as error:
                # No range is within a blob that is empty.
                if error.status_code != 416:
                    raise
                return b"", str(self.blob(name).get_blob_properties().etag)
        if len(content) > SMALL_BLOB_BYTES:
            raise StoreError(
                f"store: read {name}", f"it holds more than {SMALL_BLOB_BYTES} bytes", "look at what stands there"
            )
        return content, str(loading.properties.etag)

    def read_range(self, entry: Entry, offset: int, count: int) -> bytes:
        """At most `count` bytes of a content from `offset` on, if it is still the one that was listed."""
        from azure.core.exceptions import ResourceModifiedError

        condition = only_if(entry.etag) if entry.version is None else {}
        with self.calls(f"read {entry.name}"):
            try:
                loading = self.blob(entry.name, entry.version).download_blob(offset=offset, length=count, **condition)
                return bytes(loading.readall())
            except ResourceModifiedError:
                raise StoreError(f"store: read {entry.name}", "it was overwritten meanwhile", "run it again") from None

    def keep(self, current: CurrentBlob) -> None:
        """A blob snapshot of what the next commit replaces; an upload that never came to its commit is not kept.

        None where the account keeps versions: the commit makes one by itself
        (https://learn.microsoft.com/azure/storage/blobs/versioning-overview). A content of the former script says
        nothing of itself, so its snapshot takes the digest of its sidecar.
        """
        if layout.is_unfinished(current.entry.metadata) or current.keeps_versions:
            return
        name, metadata = current.entry.name, dict(current.entry.metadata)
        if not metadata:
            digest = layout.parse_sidecar(self.read(layout.sidecar_name(name)) or b"")
            metadata = {"sha256": digest} if digest else {}
        with self.calls(f"keep the former {name}", name):
            self.blob(name).create_snapshot(metadata or None, **only_if(current.entry.etag))

    def delete(self, name: str, etag: str | None, doing: str) -> None:
        """Delete what stands there, unless it is gone, or is another content by now."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        with self.calls(doing):
            try:
                self.blob(name).delete_blob(**only_if(etag))
            except HttpResponseError as error:
                if not isinstance(error, ResourceNotFoundError) and not azure_refusals.is_race(error):
                    raise

    def change(self, doing: str, wanted: Entry, call: Callable[[dict[str, Any]], Any]) -> str:
        """Carry out a call that makes `wanted` of the blob that has `wanted.etag` (None: of none); the new ETag.

        `call` is given the SDK's arguments for the condition. A size below zero is not compared. Raises StoreError
        where another run changed the blob meanwhile.
        """
        from azure.core.exceptions import AzureError as SdkError

        with self.calls(doing, wanted.name):
            try:
                return str(call(only_if(wanted.etag))["etag"])
            except SdkError as error:
                made = self._made(wanted) if azure_refusals.is_doubtful(error) else None
                if made is None:
                    raise
                return made

    def _made(self, wanted: Entry) -> str | None:
        """The ETag of what the service made although its answer got lost; None where it made nothing of the kind."""
        try:
            found = self.current(wanted.name)
        except PillarError:
            # Azure is away; the error that led here says so.
            return None
        if found is None or found.entry.etag == wanted.etag or not found.holds(wanted):
            return None
        return found.entry.etag

    def copy_source(self, base: Entry) -> str:
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
