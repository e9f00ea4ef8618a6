"""What the engine tells of a volume and of the containers that use it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from local.errors import EngineError

if TYPE_CHECKING:
    from docker import APIClient

# What the containers bear through which we read and fill volumes: none of them is ever started.
LABEL = "pillar9"
AT_WORK = frozenset({"running", "restarting"})
# How a container is taken away that refers to a volume, and made anew.
COMPOSE = "with Compose: docker compose down (never with -v), and docker compose up -d behind it"
# The local driver's options that name where the data is.
_ELSEWHERE = frozenset({"device", "type"})


@dataclass(frozen=True)
class VolumeFacts:
    """A volume as the engine tells it: `mountpoint` is a folder of the engine's machine.

    `created` is Podman's time of creation; Docker tells when the volume's own folder changed last (measured, 20.10).
    """

    name: str
    driver: str
    labels: Mapping[str, str]
    options: Mapping[str, str]
    mountpoint: str
    created: str

    @property
    def kept_elsewhere(self) -> str | None:
        """Who keeps its data, which then stays when the volume is removed; None where the engine does itself."""
        if self.driver != "local":
            return f"the driver {self.driver}"
        return "a device of its own" if self.options.keys() & _ELSEWHERE else None


@dataclass(frozen=True)
class VolumeUser:
    """A container that mounts a volume, or a folder in it; `state` is the engine's word (running, paused, exited …).

    `is_reader` is whether it is one of ours, of a run that reads the volume now or that was killed.
    """

    identity: str
    name: str
    state: str
    may_write: bool
    is_reader: bool = False

    @property
    def at_work(self) -> bool:
        """Whether its processes run now; those of a paused container do not."""
        return self.state in AT_WORK

    @property
    def is_begun(self) -> bool:
        """Whether it runs, be it paused."""
        return self.at_work or self.state == "paused"


def volume_facts(api: APIClient, name: str) -> VolumeFacts:
    """The volume of that name; EngineError, with the names that come near, where there is none."""
    from docker.errors import NotFound

    try:
        found = api.inspect_volume(name)
    except NotFound:
        raise _no_such("volume", name, volume_names(api), "docker volume ls") from None
    return VolumeFacts(
        found["Name"],
        found["Driver"],
        found.get("Labels") or {},
        found.get("Options") or {},
        found.get("Mountpoint") or "",
        found.get("CreatedAt") or "",
    )


def volume_users(api: APIClient, volume: VolumeFacts) -> tuple[VolumeUser, ...]:
    """The containers that mount the volume, or bind its folder or one below it, whatever their state, by name."""
    users = []
    for container in api.containers(all=True):
        mounts = [mount for mount in container.get("Mounts") or () if _is_of(mount, volume)]
        if mounts:
            may_write = any(mount.get("RW", True) for mount in mounts)
            is_reader = LABEL in (container.get("Labels") or {})
            users.append(VolumeUser(container["Id"], _name(container), container["State"], may_write, is_reader))
    return tuple(sorted(users, key=lambda user: user.name))


def volume_names(api: APIClient) -> tuple[str, ...]:
    """All volumes by name."""
    return tuple(sorted(volume["Name"] for volume in api.volumes()["Volumes"] or ()))


def container_facts(api: APIClient, name: str) -> Mapping[str, Any]:
    """What the engine tells of a container; EngineError, with the names that come near, where there is none."""
    from docker.errors import NotFound

    try:
        found: Mapping[str, Any] = api.inspect_container(name)
    except NotFound:
        there = [_name(container) for container in api.containers(all=True)]
        raise _no_such("container", name, there, "docker ps --all") from None
    return found


def _no_such(what: str, name: str, names: Iterable[str], listing: str) -> EngineError:
    """Docker has nothing of that name; those that come near it are told."""
    near = difflib.get_close_matches(name, list(names), n=3)
    there = f"; there is {' and '.join(near)}" if near else ""
    return EngineError(f"docker: find the {what} {name}", f"there is no {what} of that name{there}", f"see: {listing}")


def _is_of(mount: Mapping[str, Any], volume: VolumeFacts) -> bool:
    if mount.get("Type") == "volume":
        return bool(mount.get("Name") == volume.name)
    source = str(mount.get("Source") or "")
    return bool(source and volume.mountpoint) and PurePosixPath(source).is_relative_to(volume.mountpoint)


def _name(container: Mapping[str, Any]) -> str:
    names = container.get("Names") or ()
    return str(names[0]).lstrip("/") if names else str(container["Id"])[:12]
