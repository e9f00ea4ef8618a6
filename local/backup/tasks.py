"""`invoke backup` and `backup.list`."""

from __future__ import annotations

from typing import Annotated

from local import clock
from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, Only, Option


@command("backup.run", CHECK, JSON, default=True)
def run(invocation: Invocation, only: Only = ()) -> int:
    """Back up the databases: snapshot, check, compress, upload."""
    from local.archive.cache import cache_of
    from local.backup import run as backup
    from local.backup.upload import Delivery
    from local.output import tables

    configured = invocation.settings
    databases = configured.select(only)
    finish = Delivery.preview if invocation.check else Delivery.deliver
    folder = cache_of(configured.store)
    with invocation.screen.watching() as watch:
        report = backup.back_up(configured.store, configured.azure, databases, folder, watch, finish)
    invocation.screen.show(report, tables.backup)
    return 0 if report.backup.verdict == "passed" else 1


@command("backup.list", JSON)
def list_points(
    invocation: Invocation,
    name: Annotated[str, Option("only this database; the word alone will do", bare=True)] = "",
) -> int:
    """Every backup in the store, and every point in time that can be restored."""
    from local.output import tables
    from local.output.listing import listing
    from local.store import catalog
    from local.store.open import open_store

    configured = invocation.settings
    store = open_store(configured.store, configured.azure)
    points = catalog.points(store, configured.store.prefix)
    found = listing([point for point in points if name in ("", point.database)])
    invocation.screen.show(found, lambda screen, points: tables.listing(screen, points, clock.now()))
    return 0
