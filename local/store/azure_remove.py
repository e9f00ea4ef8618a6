"""How a content leaves a container: only on the state that was listed, and never together with what hangs on it.

Delete Blob takes a blob's snapshots with it only where it is told to, and it is never told so here: a blob that has any
answers 409 SnapshotsPresent (https://learn.microsoft.com/rest/api/storageservices/delete-blob). Where the account keeps
versions, a deleted blob becomes one, which a later run removes; that needs Storage Blob Data Owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from local.store import azure_refusals, layout
from local.store.azure_connection import AzureConnection
from local.store.azure_container import AzureContainer, only_if
from local.store.folder_names import SIDECAR_SUFFIX
from local.store.interface import Entry

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

CHANGED = "another run changed it since it was listed"
# Why Azure keeps what it was asked to delete, by its code; each is a state that somebody chose, and no failure.
_KEPT = {
    "BlobImmutableDueToPolicy": "an immutability policy holds it (409 BlobImmutableDueToPolicy)",
    "BlobImmutableDueToLegalHold": "a legal hold keeps it (409 BlobImmutableDueToLegalHold)",
    "LeaseIdMissing": "somebody holds a lease on it (412 LeaseIdMissing)",
    "SnapshotsPresent": "former contents of its day hang on it (409 SnapshotsPresent)",
}
_GONE = frozenset({"BlobNotFound"})
_VERSION_REFUSED = "this login may not delete versions, which needs the role Storage Blob Data Owner (403)"
_COULD_NOT_LOOK = (
    "whether the account keeps removed blobs for a time (soft delete) could not be looked at ({code}): it may bill them"
)


def remove(container: AzureContainer, entry: Entry) -> str | None:
    """Delete a content, then its sidecar if it was the current one; why it is kept, or None; AzureError."""
    if entry.etag is not None:
        kept = _delete(container, entry)
        # A condition on a blob that is not there fails too.
        if kept and not (kept == CHANGED and container.current(entry.name) is None):
            return kept
    if entry.version is not None:
        return None
    if container.current(entry.name):
        return CHANGED
    _delete_sidecar(container, layout.sidecar_name(entry.name))
    return None


def leftovers(container: AzureContainer, prefix: str) -> Iterator[Entry]:
    """Sidecars beside which there is no archive."""
    names = set(container.names(prefix))
    for name in sorted(names):
        data = name.removesuffix(SIDECAR_SUFFIX)
        if data != name and data not in names:
            yield Entry(data, 0, layout.EPOCH)


def afterlife(connection: AzureConnection) -> str:
    """What soft delete keeps of a removed blob; that it could not be looked at where this login may not.

    Whether versions are kept is no property of the service that this call tells, but the listing shows them
    (https://learn.microsoft.com/rest/api/storageservices/get-blob-service-properties).
    """
    from azure.core.exceptions import HttpResponseError

    with connection.calls("look at the account's blob service"):
        try:
            found = connection.client._get_blob_service_client().get_service_properties()
        except HttpResponseError as error:
            return _COULD_NOT_LOOK.format(code=azure_refusals.code_of(error) or error.status_code)
    policy = found.get("delete_retention_policy")
    if policy is None or not policy.enabled:
        return ""
    return f"soft delete keeps what is removed for {policy.days} days, and Azure bills it until then"


def _delete(container: AzureContainer, entry: Entry) -> str | None:
    """Delete Blob; a lost answer is asked for again by the SDK, so a content that is gone by then is done."""
    from azure.core.exceptions import HttpResponseError

    condition = only_if(entry.etag) if entry.version is None else {}
    with container.calls(f"remove {entry.name}"):
        try:
            container.blob(entry.name, entry.version).delete_blob(**condition)
        except HttpResponseError as error:
            kept = _why_kept(error, entry)
            if kept is None:
                raise
            return kept
    return None


def _why_kept(error: HttpResponseError, entry: Entry) -> str | None:
    """Why the content stays, "" where it is gone already, None where that is an error."""
    code = azure_refusals.code_of(error)
    if code in _GONE:
        return ""
    if code in _KEPT:
        return _KEPT[code]
    if azure_refusals.is_race(error):
        return CHANGED
    if error.status_code == 403 and (entry.version or "").startswith("versionid="):
        return _VERSION_REFUSED
    return None


def _delete_sidecar(container: AzureContainer, sidecar: str) -> None:
    """The sidecar as it was just read; one that another run writes meanwhile is that run's."""
    from azure.core.exceptions import HttpResponseError

    content, etag = container.read_with_etag(sidecar)
    if content is None:
        return
    with container.calls(f"remove {sidecar}"):
        try:
            container.blob(sidecar).delete_blob(**only_if(etag))
        except HttpResponseError as error:
            if not azure_refusals.is_race(error) and azure_refusals.code_of(error) not in _GONE | _KEPT.keys():
                raise
