"""The sidecar of a content that stands in Azure already: written with patience, and never over a later run's."""

from __future__ import annotations

import time
from collections.abc import Mapping

from local.errors import PillarError, StoreError
from local.store import layout
from local.store.azure_container import AzureContainer, only_if
from local.store.interface import Entry

# Longer than any other call is repeated, since the content is stored by then: two minutes in all.
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


def write_sidecar(container: AzureContainer, name: str, metadata: Mapping[str, str], etag: str | None) -> None:
    """The sidecar of `name` says the metadata's digest, if the content there still has that ETag.

    One that says it already is left as it is. Raises StoreError where Azure takes it at last not.
    """
    sidecar = layout.sidecar_name(name)
    line = layout.sidecar_line(metadata["sha256"], name)
    for wait in (*RETRY_SECONDS, None):
        try:
            _write(container, sidecar, line, name, etag)
        except PillarError as error:
            if wait is None:
                raise _not_written(sidecar, error) from error
            time.sleep(wait)
        else:
            return


def mend_sidecar(container: AzureContainer, entry: Entry) -> None:
    """Write the sidecar that a run killed after its commit did not come to write.

    There is none then, or it is that of a former content. One that says anything else is left as it is: whoever wrote
    that is to be told by the drill. Raises what Azure says.
    """
    digest = entry.metadata.get("sha256")
    if entry.version is not None or digest is None:
        return
    sidecar = layout.sidecar_name(entry.name)
    written = container.read(sidecar)
    folder, _, file = entry.name.rpartition("/")
    former = {found.metadata.get("sha256") for found in container.entries(folder, file) if found.name == entry.name}
    if written is None or layout.parse_sidecar(written) in former - {digest, None}:
        _write(container, sidecar, layout.sidecar_line(digest, entry.name), entry.name, entry.etag)


def _write(container: AzureContainer, sidecar: str, line: bytes, name: str, etag: str | None) -> None:
    written, condition = container.read_with_etag(sidecar)
    if written == line:
        return
    now = container.current(name)
    if now is None or now.entry.etag != etag:
        # Another run committed meanwhile, and writes its own.
        return
    with container.calls(f"write {sidecar}", sidecar):
        container.blob(sidecar).upload_blob(line, overwrite=True, **only_if(condition))


def _not_written(sidecar: str, error: PillarError) -> StoreError:
    return StoreError(
        f"store: write {sidecar}",
        f"the content is stored and whole, but its digest beside it could not be written ({error})",
        "until the next run, which mends it, sha256sum -c by hand will not match; run: invoke backup",
    )
