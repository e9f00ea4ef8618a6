"""`invoke restore NAME --live` and `--rollback`, of a database or a volume: what would happen, and doing it."""

from __future__ import annotations

from local.events import Watch
from local.restore import in_place, volume_in_place
from local.restore.in_place import LiveOrder
from local.restore.request import RestoreRequest
from local.restore.result import RestoreReport
from local.restore.source import find_source
from local.restore.to_new_file import Started
from local.restore.volume_in_place import VolumeLiveOrder
from local.settings import Settings


def order_in_place(configured: Settings, request: RestoreRequest, watch: Watch) -> LiveOrder | VolumeLiveOrder:
    """What the request would do. Raises ConfigError where it cannot be meant, the store's errors and the engine's."""
    started = Started.now()
    if request.action == "rollback":
        name = request.name or ""
        is_database = name in {database.name for database in configured.databases}
        if not is_database and volume_in_place.may_roll_back(configured, name):
            return volume_in_place.order_rollback(name, started)
        return in_place.order_rollback(configured, request.name)
    source = find_source(configured, request, watch)
    if source.kind == "volume":
        return volume_in_place.order_restore(source, started)
    return in_place.order_restore(configured, source, started)


def carry_out_order(order: LiveOrder | VolumeLiveOrder, configured: Settings, watch: Watch) -> RestoreReport:
    """Do what was agreed to; raises InconclusiveError where it cannot be begun, LockHeldError while another does it."""
    if isinstance(order, VolumeLiveOrder):
        return volume_in_place.carry_out(order, configured.restore.keep_copies, watch)
    if order.preview.restore.rollback:
        return in_place.carry_back(order, configured, watch)
    return in_place.carry_out(order, configured, watch)
