"""Copy Blob within a container, which keeps the block list, and is believed only once Azure has copied all of it.

Azure may answer that it only began. Aborted, such a copy leaves a blob of no bytes with all its metadata
(https://learn.microsoft.com/rest/api/storageservices/abort-copy-blob), so a copy is marked as unfinished until it is
whole, and no reader of ours takes it for a backup.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from local.errors import StoreError
from local.store import layout
from local.store.azure_container import AzureContainer, only_if
from local.store.azure_current import CurrentBlob
from local.store.interface import Entry, changed_meanwhile

POLL_SECONDS = 1.0
PENDING_SECONDS_MAX = 30 * 60.0
# A size that is not compared.
ANY_SIZE = -1


def copy_unfinished(container: AzureContainer, name: str, base: Entry, etag: str | None) -> str:
    """Copy `base` to `name` if that still has the ETag, marked as unfinished; the ETag of the whole copy.

    Raises StoreError where another run committed `name` meanwhile, or the copy did not come to its end.
    """
    return _copied(container, name, base, {layout.SEED_KEY: base.name}, etag)


def copy_as_backup(
    container: AzureContainer, name: str, base: Entry, metadata: Mapping[str, str], etag: str | None
) -> str:
    """Copy `base` to `name` as a backup; as `copy_unfinished` otherwise."""
    if container.is_immutable:
        # What is there once can't be changed: the mark would stay for ever.
        return _copied(container, name, base, metadata, etag)
    copied = copy_unfinished(container, name, base, etag)
    return set_metadata(container, Entry(name, base.size, base.modified, metadata=metadata, etag=copied))


def set_metadata(container: AzureContainer, wanted: Entry) -> str:
    """Set Blob Metadata, if the blob still has `wanted.etag`; the new ETag."""
    blob = container.blob(wanted.name)
    return container.change(
        f"record {wanted.name}",
        wanted,
        lambda condition: blob.set_blob_metadata(dict(wanted.metadata), **condition),
    )


def _copied(container: AzureContainer, name: str, base: Entry, metadata: Mapping[str, str], etag: str | None) -> str:
    from azure.core import MatchConditions

    begun = container.change(
        f"copy {base.name} to {name}",
        Entry(name, ANY_SIZE, base.modified, metadata=metadata, etag=etag),
        lambda condition: container.blob(name).start_copy_from_url(
            container.copy_source(base),
            dict(metadata),
            source_etag=base.etag,
            source_match_condition=MatchConditions.IfNotModified,
            **condition,
        ),
    )
    found = _settled(container, name)
    if found and not found.holds(Entry(name, ANY_SIZE, base.modified, metadata=metadata)):
        # Not the copy any more: another run has committed there, and its backup is not ours to take back.
        raise changed_meanwhile(name)
    if found and found.copy_status == "success" and found.entry.size == base.size:
        return str(found.entry.etag)
    if found and not container.is_immutable:
        with container.calls(f"take back {name}", name):
            container.blob(name).delete_blob(**only_if(found.entry.etag))
    status = found.copy_status if found else "that it is gone"
    raise StoreError(f"store: copy {name}", f"Azure began to copy ({begun}) and then told {status}", "invoke backup")


def _settled(container: AzureContainer, name: str) -> CurrentBlob | None:
    deadline = time.monotonic() + PENDING_SECONDS_MAX
    while (found := container.current(name)) and found.copy_status == "pending" and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found
