"""What the store says of all backups' and proofs' age, for whoever tells of it."""

from __future__ import annotations

from local import clock
from local.alerts.tell import SUBJECT, tell_of_status
from local.errors import PillarError
from local.events import Event, Watch
from local.settings import Settings
from local.watch.status import Status


def store_status(configured: Settings, watch: Watch) -> Status | None:
    """The status of every configured database and volume; None, which is told, where the store could not say."""
    from local.store.open import open_repository
    from local.watch.history import gather
    from local.watch.status import judge, limits_of

    limits = limits_of(configured)
    names = [database.name for database in configured.databases]
    volumes = [volume.name for volume in configured.volumes]
    try:
        repository = open_repository(configured.store, configured.azure)
        return judge(gather(repository, names, clock.now(), limits.max_age_days, volumes), limits)
    except PillarError as error:
        watch(Event(SUBJECT, f"whether anything is late is not known: {error}; {error.mend}", lasting=True))
        return None


def tell_of_lateness(configured: Settings, watch: Watch) -> None:
    """Tell what is late, or is in time again, as far as that is new; nothing where no alerts are configured."""
    if configured.alerts is None:
        return
    status = store_status(configured, watch)
    if status:
        tell_of_status(configured, status, watch)
