"""What another machine hands in: a blob that it makes by a link of its own, read here once and removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.errors import StoreError
from local.store.azure_container import AzureContainer

LINK_SECONDS = 60 * 60


@dataclass(frozen=True)
class AzureInbox:
    """The blobs under one folder of a container, each made by a write-only link that opens this one only.

    `sign` makes such a link of a blob's name and the seconds that it lasts.
    """

    container: AzureContainer
    folder: str
    sign: Callable[[str, int], str]

    def link(self, name: str) -> str:
        """A link by which one machine may make the blob `folder/name`, and do nothing else. It is a secret.

        Raises StoreError where it could not be removed again, AzureError where Azure gives no link.
        """
        if self.container.is_immutable:
            raise StoreError(f"store: hand in {self.folder}/{name}", "this container keeps every blob for good")
        return self.sign(f"{self.folder}/{name}", LINK_SECONDS)

    def take(self, name: str, most_bytes: int) -> bytes:
        """What was handed in; StoreError where nothing was, or more than `most_bytes`. It is not trusted."""
        from azure.core.exceptions import ResourceNotFoundError

        full = f"{self.folder}/{name}"
        with self.container.calls(f"read {full}"):
            try:
                content = bytes(self.container.blob(full).download_blob(offset=0, length=most_bytes + 1).readall())
            except ResourceNotFoundError:
                raise StoreError(f"store: read {full}", "it was not handed in", "run it again") from None
        if len(content) > most_bytes:
            raise StoreError(f"store: read {full}", f"it holds more than {most_bytes} bytes", "run it again")
        return content

    def remove(self, name: str) -> None:
        """The blob is gone, and all that a deletion takes with it; nothing where there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        with self.container.calls(f"remove {self.folder}/{name}"):
            try:
                self.container.blob(f"{self.folder}/{name}").delete_blob(delete_snapshots="include")
            except ResourceNotFoundError:
                return
