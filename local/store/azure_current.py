"""What Azure tells of a blob, as the store's entry; and of the current one also how it may be replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from local.store.interface import Entry

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties


@dataclass(frozen=True)
class CurrentBlob:
    """The content that a name leads to.

    `keeps_versions`: whether the account makes a version of it by itself when it is replaced. `copy_status`: how the
    copy that made it stands, None where none did.
    """

    entry: Entry
    keeps_versions: bool = False
    copy_status: str | None = None

    @classmethod
    def of(cls, name: str, properties: BlobProperties) -> Self:
        """What the answer to Get Blob Properties says."""
        return cls(
            replace(entry_of(properties), name=name, version=None),
            keeps_versions=properties.version_id is not None,
            copy_status=properties.copy.status,
        )

    def with_etag(self, etag: str) -> Self:
        """The same content after a commit of just that."""
        return replace(self, entry=replace(self.entry, etag=etag))

    def holds(self, wanted: Entry) -> bool:
        """Whether it is just what was to be made; names of metadata have no case."""
        found = {key.lower(): value for key, value in self.entry.metadata.items()}
        return found == dict(wanted.metadata) and wanted.size in (self.entry.size, -1)


def entry_of(properties: BlobProperties) -> Entry:
    """A blob of a listing, or of Get Blob Properties."""
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
