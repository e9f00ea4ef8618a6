"""The store that a newcomer names: a folder, made where it is not there, or a container, which must take blobs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from local.errors import ConfigError
from local.location import ContainerLocation, FolderLocation, parse_location
from local.settings import AzureSettings, Cloud, StoreSettings

# The endpoints of Azure's other clouds: https://learn.microsoft.com/azure/storage/common/storage-account-overview
_CLOUDS: dict[str, Cloud] = {".usgovcloudapi.net": "usgov", ".chinacloudapi.cn": "china"}
# No blob can have this ETag.
_NO_ETAG = '"0x0000000000000000"'


@dataclass(frozen=True)
class StoreDestination:
    """The store's settings, and the folder that is yet to be made for it (None: nothing is)."""

    store: StoreSettings
    missing: Path | None = None

    @property
    def cloud(self) -> Cloud:
        """Which of Azure's clouds the URL is in."""
        host = urlsplit(self.store.url).hostname or ""
        return next((cloud for end, cloud in _CLOUDS.items() if host.endswith(end)), "public")


def find(named: str) -> StoreDestination:
    """The store that a URL or a folder's path names, looked at: a folder may be written, a container takes a blob.

    Raises ConfigError where it cannot be meant, AzureError where Azure refuses it or is away. Nothing is changed.
    """
    if not named.strip():
        raise ConfigError("--store", "it is empty", "name a folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER")
    url = named if "://" in named else Path(os.path.abspath(os.path.expanduser(named))).as_uri()  # noqa: PTH100, PTH111
    try:
        location = parse_location(url)
    except ConfigError as error:
        raise ConfigError("--store", error.came_back, error.mend) from None
    if isinstance(location, FolderLocation):
        return StoreDestination(StoreSettings(url=location.path.as_uri()), _look_at_folder(location.path))
    found = StoreDestination(StoreSettings(url=location.url))
    check_container(location, found)
    return found


def make(destination: StoreDestination) -> None:
    """Make the folder where it is missing, for nobody else's eyes; OSError where that is refused."""
    if destination.missing:
        destination.missing.mkdir(mode=0o700, exist_ok=True)


def on_the_same_disk(destination: StoreDestination, databases: Iterable[Path]) -> bool:
    """Whether a folder store and any of the databases would be lost together."""
    location = destination.store.location
    if not isinstance(location, FolderLocation):
        return False
    folder = destination.missing.parent if destination.missing else location.path
    return folder.stat().st_dev in {path.stat().st_dev for path in databases}


def check_container(location: ContainerLocation, destination: StoreDestination) -> None:
    """Return where this login may write a blob there, without one.

    Put Blob on a condition that no blob meets: Azure refuses whoever may not write (403), and a container that is not
    there (404), before it looks at the condition (412).
    https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
    """
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    from local.store import azure_refusals
    from local.store.azure_connection import connect

    connection = connect(location, AzureSettings(cloud=destination.cloud))
    name = f"{destination.store.prefix}/.pillar9-init"
    with connection.calls("see whether blobs may be written there"):
        try:
            connection.client.get_blob_client(name).upload_blob(
                b"", overwrite=True, etag=_NO_ETAG, match_condition=MatchConditions.IfNotModified
            )
        except ResourceModifiedError:
            return
        except ResourceNotFoundError as error:
            if azure_refusals.code_of(error) != "ContainerNotFound":
                return  # there is no blob to meet the condition, which may be told in this way too
            raise ConfigError(
                f"--store {connection.url}",
                "there is no such container",
                f"make it: az storage container create --account-name {quote(location.account)} "
                f"--name {quote(location.container)} --auth-mode login",
            ) from error


def _look_at_folder(path: Path) -> Path | None:
    """The folder itself if it is to be made; ConfigError where it cannot be, or takes no files."""
    if not os.path.lexists(path):
        if not path.parent.is_dir():
            # All of a path is never made: a disk that is not mounted would be filled at its mount point.
            mend = f"mount that disk, or make the folder: mkdir -p {quote(str(path.parent))}"
            raise ConfigError(f"--store {path}", f"there is no folder {path.parent} to make it in", mend)
        _must_take_files(path.parent)
        return path
    if not path.is_dir():
        raise ConfigError(f"--store {path}", "it is no folder", f"look at it: ls -ld {quote(str(path))}")
    _must_take_files(path)
    return None


def _must_take_files(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        mend = f"look at its rights: ls -ld {quote(str(folder))}"
        raise ConfigError(f"--store {folder}", "this user may not write there", mend)
