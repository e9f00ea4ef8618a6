"""Podman speaks Docker's API, and its tar of a container's folder is another one (measured, 4.3.1).

Every owner is told as that of the container's user; what stands at the top under three names is left out; and behind a
file that grew while it was read, the tar ends as if it were whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient

OWNERS = "the owners of all files: Podman tells each as root's"
LEFT_OUT = (b"dev", b"proc", b"sys")


def answers(api: APIClient) -> bool:
    """Whether the engine is a Podman."""
    version: dict[str, Any] = api.version()
    return any("Podman" in part.get("Name", "") for part in version.get("Components") or ())
