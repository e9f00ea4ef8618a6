"""The store in an Azure Blob container: former contents are blob snapshots, or versions if the account keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from local.cloud.errors import DELEGATION_KEY_ACTION, AccessDeniedError
from local.errors import PillarError
from local.store import azure_remove
from local.store.azure_connection import AzureConnection
from local.store.azure_container import AzureContainer
from local.store.azure_copy import copy_as_backup, set_metadata
from local.store.azure_inbox import AzureInbox
from local.store.azure_leftovers import commit_without_leftovers
from local.store.azure_sidecar import mend_sidecar, write_sidecar
from local.store.azure_upload import AzureUpload, refuse_immutable
from local.store.interface import Entry, Link


class AzureStore:
    """One container of one account, as a store."""

    local = False

    def __init__(self, connection: AzureConnection) -> None:
        self.url = connection.url
        self.connection = connection
        self._container = AzureContainer(connection)

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """Every content under `prefix` that goes on with `beginning`, snapshots and versions included."""
        return self._container.entries(prefix, beginning)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """One listing by delimiter, up to 5,000 folders an answer."""
        return self._container.folders(prefix)

    def remove(self, entry: Entry) -> str | None:
        """Delete Blob of the snapshot, the version, or the blob itself on its ETag, never with its snapshots."""
        return azure_remove.remove(self._container, entry)

    def leftovers(self, prefix: str) -> Iterator[Entry]:
        """Sidecars whose blob is gone."""
        return azure_remove.leftovers(self._container, prefix)

    def afterlife(self) -> str:
        """What the account's versioning and soft delete keep of a removed blob, where this login may look."""
        return azure_remove.afterlife(self.connection)

    def read(self, name: str) -> bytes | None:
        """A small blob's content; None if there is no such blob."""
        return self._container.read(name)

    def write(self, name: str, content: bytes) -> None:
        """One Put Blob, which replaces the blob whole."""
        with self._container.calls(f"write {name}"):
            self._container.blob(name).upload_blob(content, overwrite=True)

    def upload(self, name: str, base: Entry | None) -> AzureUpload:
        """Begin an archive under `name`, reusing the blocks of its current content, or else those of `base`."""
        return AzureUpload(self._container, name, base)

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """Set Blob Metadata on the day's own blob, or Copy Blob of another day's: no content travels.

        Where a killed run left blocks on the day's own blob, its list is committed again instead, which drops them.

        Sidecars that a run before could not write are written too, of `base` as well.
        """
        if base.name == name:
            etag = self._record(base, metadata)
        else:
            etag = self._copy(name, base, metadata)
            if base.metadata.get("sha256"):
                write_sidecar(self._container, base.name, base.metadata, base.etag)
        write_sidecar(self._container, name, metadata, etag)
        return sum(len(key) + len(value) for key, value in metadata.items())

    def _record(self, base: Entry, metadata: Mapping[str, str]) -> str | None:
        if self._container.is_immutable:
            return base.etag
        wanted = replace(base, metadata=metadata)
        cleared = commit_without_leftovers(self._container, wanted)
        if cleared or dict(base.metadata) == dict(metadata):
            return cleared or base.etag
        return set_metadata(self._container, wanted)

    def _copy(self, name: str, base: Entry, metadata: Mapping[str, str]) -> str:
        current = self._container.current(name)
        if current:
            refuse_immutable(self._container, name)
            self._container.keep(current)
        return copy_as_backup(self._container, name, base, metadata, current.entry.etag if current else None)

    def read_range(self, entry: Entry, offset: int, count: int) -> bytes:
        """At most `count` bytes of a content from `offset` on, if it is still the one that was listed."""
        return self._container.read_range(entry, offset, count)

    def local_path(self, entry: Entry) -> Path | None:  # noqa: ARG002 - whichever it is
        """None: what stands in Azure is no file here."""
        return None

    def lock(self) -> AbstractContextManager[None]:
        """Nothing: every commit is conditional, and nothing but backups may stand in the container."""
        return nullcontext()

    def mend(self, entry: Entry) -> Entry:
        """Write the sidecar of a torn content again, where this login may: content and metadata are one commit here."""
        with suppress(PillarError):
            mend_sidecar(self._container, entry)
        return entry

    def discard(self, unfinished: Entry) -> None:
        """Delete Blob on the ETag that was listed; somebody who was quicker has done it, or committed."""
        self._container.delete(unfinished.name, unfinished.etag, f"discard the unfinished {unfinished.name}")

    def link(self, entry: Entry, seconds: int) -> str:
        """The blob's URL with a read-only SAS for it alone, or with the SAS that is all this machine holds."""
        return self._container.links.link(entry, seconds)

    def link_here(self, entry: Entry, seconds: int) -> Link:
        """The same, or this login's own token where Azure gives it no key to sign links with."""
        try:
            return Link(self.link(entry, seconds))
        except AccessDeniedError as error:
            if error.action != DELEGATION_KEY_ACTION:
                raise
            return self._container.links.link_by_token(entry)

    @property
    def links_may_travel(self) -> bool:
        """Whether a link opens one blob only and goes over https."""
        return self._container.links.may_travel

    def inbox(self, folder: str) -> AzureInbox | None:
        """Where another machine hands in blobs; None where no link could be signed for one blob alone."""
        if not self.links_may_travel:
            return None
        return AzureInbox(self._container, folder, self._container.links.hand_in_link)
