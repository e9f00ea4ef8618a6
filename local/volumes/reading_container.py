"""The container through which a volume is read or filled: of an image without a file, made, never started, removed."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from local.errors import EngineError
from local.interrupt import if_abandoned
from local.volumes import podman
from local.volumes.connection import connect_at_the_end
from local.volumes.endpoint import Endpoint
from local.volumes.engine_errors import engine_errors
from local.volumes.facts import LABEL, VolumeFacts, volume_facts

if TYPE_CHECKING:
    from docker import APIClient

# Where the volume is mounted in the container; Docker's tar begins each name with it.
MOUNTED = "/volume"
# A process that is being ended waits no longer for an engine; the next run removes what is left.
_LAST_SECONDS = 2.0
# What another machine, or another user of this one, left on the same engine, and surely does not need any more.
_FORGOTTEN_SECONDS = 7 * 24 * 3600
_IMAGE = {"repository": "pillar9/empty", "tag": "1"}
_IMAGE_LABEL = "empty image"


@contextmanager
def mounted(api: APIClient, endpoint: Endpoint, volume: VolumeFacts, mark: str, *, read_only: bool) -> Iterator[str]:
    """The name of a container of ours that mounts the volume; it is removed behind this, whatever happens.

    EngineError as from `make_container`, or where it cannot be removed.
    """
    # The name is ours, so that it can be removed even if the engine's answer never came.
    name = f"pillar9-{secrets.token_hex(8)}"
    with if_abandoned(partial(_abandon, endpoint, name)):
        try:
            with engine_errors(f"docker: make a container that mounts the volume {volume.name}", endpoint):
                make_container(api, volume, name, mark, read_only=read_only)
            yield name
        except BaseException:
            # What went wrong is told; a container that cannot be removed either is the next run's.
            with suppress(EngineError):
                _remove(api, endpoint, name)
            raise
        _remove(api, endpoint, name)


def _remove(api: APIClient, endpoint: Endpoint, name: str) -> None:
    with engine_errors(f"docker: remove the container {name}", endpoint):
        remove_container(api, name)


def _abandon(endpoint: Endpoint, name: str) -> None:
    """From another thread, over a connection of its own: this run's may be stuck."""
    remove_container(connect_at_the_end(endpoint, _LAST_SECONDS), name)


def make_container(api: APIClient, volume: VolumeFacts, name: str, mark: str, *, read_only: bool) -> None:
    """Make a container of that name that mounts the volume; it is never started, so nothing runs and nothing is copied.

    EngineError where the volume went meanwhile: Docker would make one of that name, which is removed again.
    """
    config = _config(_empty_image(api), volume.name, name, mark, read_only)
    api.create_container_from_config(config, name=name)  # type: ignore[no-untyped-call]
    found = volume_facts(api, volume.name)
    made_by_us = found.labels.get(LABEL) == name
    # Podman takes no labels for it. Docker's time of creation is that of the last change of the volume's own folder.
    if made_by_us or (podman.answers(api) and found.created != volume.created):
        remove_container(api, name)
        if made_by_us:
            api.remove_volume(volume.name)
        doing = f"docker: mount the volume {volume.name}"
        raise EngineError(doing, "it was removed, or made anew, at that moment", "run this again")


def remove_container(api: APIClient, name: str) -> None:
    """Remove it, whatever its state; the volume stays. One that is gone, or goes already, is nothing to tell."""
    from docker.errors import APIError, NotFound

    try:
        api.remove_container(name, v=False, force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise


def sweep(api: APIClient, endpoint: Endpoint, mark: str) -> None:
    """Remove what killed runs left: the containers that bear the mark, and those of others that are a week old."""
    with engine_errors("docker: remove what a killed run left", endpoint):
        for container in api.containers(all=True, filters={"label": LABEL}):
            ours = container["Labels"].get(LABEL) == mark
            if ours or time.time() - container["Created"] > _FORGOTTEN_SECONDS:
                remove_container(api, container["Id"])


def _empty_image(api: APIClient) -> str:
    """The identity of our image; made of a tar without an entry where there is none, so nothing is ever pulled."""
    found = api.images(filters={"label": f"{LABEL}={_IMAGE_LABEL}"})
    if found:
        return str(found[0]["Id"])
    nothing = bytes(1024)
    answer = api.import_image_from_data(nothing, changes=[f'LABEL {LABEL}="{_IMAGE_LABEL}"'], **_IMAGE)
    told = json.loads(answer.splitlines()[-1])
    if "error" in told:
        raise EngineError("docker: make an image without a file", str(told["error"]), "see: docker info")
    return str(told["status"])


def _config(image: str, volume: str, name: str, mark: str, read_only: bool) -> dict[str, Any]:
    # The volume's labels are for the one that Docker makes where there is none; those of one that is there stay.
    options = {"NoCopy": True, "Labels": {LABEL: name}}
    mount = {"Type": "volume", "Source": volume, "Target": MOUNTED, "ReadOnly": read_only, "VolumeOptions": options}
    return {
        "Image": image,
        # Docker makes no container without a command; there is no such file, should somebody start it.
        "Cmd": ["/this-container-is-never-started"],
        "Labels": {LABEL: mark},
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none", "Mounts": [mount]},
    }
