"""Two real stores whose way can be cut: a folder on a disk that goes away, and Azurite behind a proxy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support import azure_faults
from tests.support.azure_faults import FaultyAzurite
from tests.support.azurite import KEY


@dataclass(frozen=True)
class FolderReach:
    """A folder as on a network drive: away, it is not there."""

    folder: Path

    @property
    def _elsewhere(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-away")

    def cut(self, *, network: bool) -> None:  # noqa: ARG002 - the drive is gone either way
        """The drive is gone."""
        self.folder.rename(self._elsewhere)

    def mend(self) -> None:
        """It is there again, as it was."""
        self._elsewhere.rename(self.folder)

    def overwrite(self, name: str, content: bytes) -> None:
        """The file alone."""
        (self.folder / name).write_bytes(content)


@dataclass(frozen=True)
class AzureReach:
    """A container in Azurite, behind a proxy; `url` is the container's own, without the proxy."""

    proxy: FaultyAzurite
    url: str

    def cut(self, *, network: bool) -> None:
        """The service refuses this address; where the network is away, each connection ends."""
        fault = azure_faults.cut_before if network else azure_faults.refused(403, "AuthorizationFailure")
        self.proxy.fail("*", fault)

    def mend(self) -> None:
        """It answers again."""
        self.proxy.heal()

    def overwrite(self, name: str, content: bytes) -> None:
        """As somebody who may write there does."""
        from azure.storage.blob import ContainerClient

        with ContainerClient.from_container_url(self.url, credential=KEY) as client:
            blob = client.get_blob_client(name)
            blob.upload_blob(content, overwrite=True, metadata=blob.get_blob_properties().metadata)
