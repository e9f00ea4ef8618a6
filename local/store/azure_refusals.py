"""What Azure's answers to a change of a blob mean: another run's commit, the answer lost, or a refusal by its name.

The codes: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.errors import StoreError

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError as SdkError

# Of all 409 only this one says that another run came in between; 412 says it too.
_RACES = frozenset({"BlobAlreadyExists"})
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
# What a source that can't be read is answered with, though by a status of a busy service (Azurite: 500).
_SOURCE_REFUSED = frozenset({"CannotVerifyCopySource"})
IMMUTABLE = (
    "the container keeps its blobs immutable, so today's backup can't be replaced by a later one",
    "keep backups in a container without that policy (the account's versioning keeps former contents as well), or "
    "back up once a day",
)
_MEANINGS = {
    "BlobImmutableDueToPolicy": IMMUTABLE,
    "BlobArchived": (
        "the blob is in the archive tier, where Azure neither reads nor changes it",
        "bring it back: az storage blob set-tier --tier Hot; and end the lifecycle rule that archives backups",
    ),
    "SnapshotOperationRateExceeded": (
        "Azure takes no more snapshots of this blob for the moment",
        "wait some minutes, then run: invoke backup",
    ),
    "SnapshotCountExceeded": (
        "this blob has as many snapshots as Azure keeps of one",
        "the next day's blob has none; until then former contents can't be kept, so nothing is replaced",
    ),
    "LeaseIdMissing": (
        "somebody holds a lease on the blob",
        "end it: az storage blob lease break; or wait until it ends, then run: invoke backup",
    ),
    "PendingCopyOperation": (
        "Azure is still copying into this blob",
        "wait some minutes, then run: invoke backup",
    ),
    "InvalidBlobType": (
        "the blob is of another type than a backup",
        "look at what stands there, and move it away",
    ),
}


def is_race(error: SdkError) -> bool:
    """Whether a condition failed: another run committed the blob, or this run itself did and the answer got lost."""
    code = code_of(error)
    return code in _RACES or (_status(error) == 412 and code not in _MEANINGS)


def is_doubtful(error: SdkError) -> bool:
    """Whether the service may have carried out the change all the same."""
    return is_race(error) or is_transient(error)


def is_transient(error: SdkError) -> bool:
    """Whether the same call may succeed a little later: no answer came, or the service was busy."""
    if code_of(error) in _SOURCE_REFUSED:
        return False
    return _status(error) in _BUSY or not hasattr(error, "status_code")


def meaning(error: SdkError, doing: str) -> StoreError | None:
    """A refusal that says something of the store itself, with what mends it; None for any other."""
    told = _MEANINGS.get(code_of(error))
    return StoreError(f"store: {doing}", f"{told[0]} ({code_of(error)})", told[1]) if told else None


def code_of(error: SdkError) -> str:
    """Azure's name for the error; empty where it gave none."""
    told: Any = getattr(error, "error_code", None)
    headers = getattr(getattr(error, "response", None), "headers", {})
    return str(getattr(told, "value", told) or headers.get("x-ms-error-code", ""))


def _status(error: SdkError) -> int:
    return int(getattr(error, "status_code", None) or 0)
