"""The preconditions of this machine and of the store, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from local.archive.cache import cache_folder
from local.doctor import credential, databases, file_systems, last_run, machine, store, volumes
from local.doctor.run import Precondition
from local.settings import Database, Settings
from local.store.open import open_repository


def preconditions(settings: Settings) -> tuple[Precondition, ...]:
    """From the machine to the databases and volumes, the store and the schedule."""
    opening = partial(open_repository, settings.store, settings.azure)
    return (
        *machine.preconditions(settings.databases, cache_folder(settings.store)),
        *_of_databases(settings.databases),
        *volumes.preconditions(settings.volumes, cache_folder(settings.store), opening),
        credential.precondition(settings.store, settings.azure),
        store.precondition(opening, volumes=bool(settings.volumes)),
        last_run.precondition(settings),
    )


def _of_databases(configured: Sequence[Database]) -> tuple[Precondition, ...]:
    """None where only volumes are configured."""
    if not configured:
        return ()
    return (*databases.preconditions(configured), file_systems.precondition(configured))
