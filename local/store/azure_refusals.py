"""What Azure's answers to a change of a blob mean for it; what each code tells a person is in `cloud.blob_refusals`.

The codes: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
# Conditions that fail and are no other run's doing.
_NO_RACES = frozenset({"LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseLost"})


def is_race(error: SdkError) -> bool:
    """Whether a condition failed: another run committed the blob, or this run itself did and the answer got lost."""
    code = code_of(error)
    return code in _RACES or (_status(error) == 412 and code not in _NO_RACES)


def is_doubtful(error: SdkError) -> bool:
    """Whether the service may have carried out the change all the same."""
    return is_race(error) or is_transient(error)


def is_transient(error: SdkError) -> bool:
    """Whether the same call may succeed a little later: no answer came, or the service was busy."""
    if code_of(error) in _SOURCE_REFUSED:
        return False
    return _status(error) in _BUSY or not hasattr(error, "status_code")


def code_of(error: SdkError) -> str:
    """Azure's name for the error; empty where it gave none."""
    told: Any = getattr(error, "error_code", None)
    headers = getattr(getattr(error, "response", None), "headers", {})
    return str(getattr(told, "value", told) or headers.get("x-ms-error-code", ""))


def _status(error: SdkError) -> int:
    return int(getattr(error, "status_code", None) or 0)
