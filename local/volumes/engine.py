"""A local engine's volumes: what is known of them, their content read without a container that runs, put back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from local.errors import EngineError
from local.volumes import podman
from local.volumes.connection import connect
from local.volumes.endpoint import Endpoint, find_endpoint
from local.volumes.engine_errors import engine_errors
from local.volumes.facts import VolumeFacts, VolumeUser, container_facts, volume_facts, volume_users
from local.volumes.held import held_still
from local.volumes.reader import VolumeReader, mountpoint_at, reading
from local.volumes.refill import is_half_done, refill, require_fillable

if TYPE_CHECKING:
    from docker import APIClient

_OPEN_SECONDS = 10.0


def open_engine(seconds: float = _OPEN_SECONDS) -> Engine:
    """The engine that DOCKER_HOST, DOCKER_CONTEXT or Docker's own configuration names, once it has answered.

    EngineError, with what mends it, where it does not answer within `seconds`, refuses, or is too old.
    """
    endpoint = find_endpoint(os.environ, Path.home())
    return Engine(endpoint, connect(endpoint, seconds))


class Engine:
    """An engine that answered; for one thread at a time. Its methods raise EngineError."""

    def __init__(self, endpoint: Endpoint, api: APIClient) -> None:
        self.endpoint = endpoint
        self._api = api

    def volume(self, name: str) -> VolumeFacts:
        """What the engine knows of the volume; EngineError, with the names that come near, where there is none."""
        with engine_errors(f"docker: look at the volume {name}", self.endpoint):
            return volume_facts(self._api, name)

    def users(self, name: str) -> tuple[VolumeUser, ...]:
        """The containers that mount the volume, whatever their state, by name."""
        with engine_errors(f"docker: look who uses the volume {name}", self.endpoint):
            return volume_users(self._api, volume_facts(self._api, name))

    def check_container(self, name: str) -> None:
        """Return where there is such a container; EngineError, with the names that come near, where there is none."""
        with engine_errors(f"docker: look at the container {name}", self.endpoint):
            container_facts(self._api, name)

    def writers(self, name: str) -> tuple[VolumeUser, ...]:
        """The containers that may write to the volume now: while there is one, two looks at it may differ."""
        return tuple(user for user in self.users(name) if user.at_work and user.may_write)

    def reading(self, name: str) -> AbstractContextManager[VolumeReader]:
        """A reader of the volume: a container that is made and never started, removed behind it whatever happens.

        It refers to the volume read-only; nothing of the volume is written, and a volume that is not there is not made.
        """
        return reading(self._api, self.endpoint, name)

    def held_still(self, stop: Sequence[str], pause: Sequence[str]) -> AbstractContextManager[None]:
        """Meanwhile those of the named containers that run are stopped, or paused; then exactly they run again.

        One that is not there is an EngineError before anything is done. One that does not run, or is paused, is left as
        it is. What a killed run left is mended first. EngineError at the end where one cannot be started again.
        """
        return held_still(self._api, self.endpoint, stop, pause)

    def replace(self, name: str, tar: Path, filled: Callable[[], None] = lambda: None) -> None:
        """The volume holds what the tar holds, and nothing else; see `refill` for what it refuses and how it fails."""
        refill(self._api, self.endpoint, name, tar, filled)

    def require_fillable(self, name: str, tar: Path) -> None:
        """EngineError where `replace` would refuse the tar."""
        require_fillable(f"docker: replace the content of the volume {name}", tar)

    def without(self, name: str) -> tuple[str, ...]:
        """What a reading would surely not tell of the volume's files, in words."""
        with engine_errors(f"docker: look at the volume {name}", self.endpoint):
            seen = mountpoint_at(self._api, self.endpoint, volume_facts(self._api, name))
            return (podman.OWNERS,) if podman.answers(self._api) and seen is None else ()

    def is_half_replaced(self, name: str) -> bool:
        """Whether a `replace` of the volume goes on or was ended by force: it may be away, empty or half filled."""
        return is_half_done(self.endpoint, name)

    def require_whole(self, name: str) -> None:
        """EngineError where the volume is half replaced: whatever it holds now is nobody's content."""
        if self.is_half_replaced(name):
            came_back = "a restore into it goes on or was ended by force: it may be away, empty or half filled"
            mend = f"unless one goes on, go back: invoke restore {name} --rollback, or begin anew with --live"
            raise EngineError(f"docker: look at the volume {name}", came_back, mend)

    def close(self) -> None:
        """The connection is closed."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
