"""On which shelf a name stands: a configured one on that of its kind, any other may on either."""

from __future__ import annotations

from collections.abc import Sequence

from local.settings import Settings
from local.store.repository import Repository
from local.store.shelf import VOLUMES


def by_shelf(
    repository: Repository, configured: Settings, names: Sequence[str]
) -> tuple[tuple[Repository, tuple[str, ...]], ...]:
    """The shelf of the databases and that of the volumes, each with those of the names that may stand on it."""
    databases = {database.name for database in configured.databases}
    volumes = {volume.name for volume in configured.volumes}
    return (
        (repository, tuple(name for name in names if name not in volumes)),
        (repository.on(VOLUMES), tuple(name for name in names if name not in databases)),
    )


def known_names(repository: Repository, configured: Settings) -> list[str]:
    """For a message: the configured names, then those that the newest day on either shelf has besides."""
    return repository.on(VOLUMES).known_names(repository.known_names(configured.names))
