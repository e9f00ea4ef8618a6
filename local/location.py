"""Where a store is: `store.url`, parsed once, into a folder or into an account and its container."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from local.errors import ConfigError
from local.validation import mistake

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_ALLOWED = "file:///absolute/folder or https://ACCOUNT.blob.core.windows.net/CONTAINER (http for loopback hosts only)"


@dataclass(frozen=True)
class FolderLocation:
    """A folder on this machine, or mounted there."""

    path: Path


@dataclass(frozen=True)
class ContainerLocation:
    """A container of a storage account; `url` is the container's, without a slash at its end."""

    url: str
    account: str
    container: str

    @property
    def encrypted(self) -> bool:
        """Whether it is reached over https; plain http is for loopback hosts only."""
        return self.url.startswith("https://")


StoreLocation = FolderLocation | ContainerLocation


def parse_location(url: str) -> StoreLocation:
    """The location that `url` names; ConfigError where it names none, or holds a credential.

    A loopback host is an emulator, whose URLs name the account in the path: http://127.0.0.1:10000/ACCOUNT/CONTAINER.
    """
    parts = _split(url)
    if parts is None:
        # It may hold a SAS or a password, so it is not repeated.
        raise ConfigError("configuration: store.url", "is not a URL", f"allowed: {_ALLOWED}")
    if parts.scheme == "file":
        if (
            parts.netloc not in ("", "localhost")
            or not parts.path.startswith("/")
            or len(parts.path) < 2
            or "\0" in unquote(parts.path)
        ):
            raise mistake("store.url", url, _ALLOWED)
        return FolderLocation(Path(unquote(parts.path)))
    if parts.query or parts.username or parts.password:
        # Its value may hold a SAS or a password, so it is not repeated.
        shown = f"{parts.scheme}://{parts.hostname}{parts.path}?…"
        raise mistake("store.url", shown, f"{_ALLOWED}; credentials never stand here")
    path = parts.path.strip("/")
    if not path or not is_secure(url):
        raise mistake("store.url", url, _ALLOWED)
    if parts.hostname in LOOPBACK_HOSTS:
        account, _, container = path.partition("/")
    else:
        account, container = str(parts.hostname).partition(".")[0], path
    return ContainerLocation(url.rstrip("/"), account, container.partition("/")[0])


def is_secure(url: str) -> bool:
    """Whether nobody on the way can read what goes to `url`."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # a bracket that belongs to no IPv6 address, a port that is none
        return None
    return parts
