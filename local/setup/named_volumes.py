"""Which volumes a newcomer means: names that Docker can have, looked for at the engine where one answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local.errors import ConfigError, EngineError
from local.settings import VOLUME_NAME


@dataclass(frozen=True)
class FoundVolume:
    """A volume for the file; `unseen` is why it was not looked for."""

    name: str
    unseen: str | None = None


def find(named: Sequence[str]) -> tuple[FoundVolume, ...]:
    """The volumes, each once; ConfigError for a name that none can have, and for one that the engine does not know.

    Where no engine answers they are taken as they are named, and the first backup tells.
    """
    names = tuple(dict.fromkeys(named))
    for name in names:
        if not VOLUME_NAME.fullmatch(name):
            raise ConfigError(f"--volume {name}", "no volume can be called that", "see them: docker volume ls")
    if not names:
        return ()
    from local.volumes.engine import open_engine

    try:
        engine = open_engine()
    except EngineError as error:
        unseen = "; ".join(filter(None, (str(error), error.mend)))
        return tuple(FoundVolume(name, unseen) for name in names)
    with engine:
        for name in names:
            try:
                engine.volume(name)
            except EngineError as error:
                raise ConfigError(f"--volume {name}", error.came_back, error.mend) from error
    return tuple(map(FoundVolume, names))
