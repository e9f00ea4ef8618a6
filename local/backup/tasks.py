"""`invoke backup` and `backup.list`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from local import clock
from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, Only, OnlyStored, Option
from local.validation import unknown_name


@command(
    "backup.run",
    CHECK,
    JSON,
    default=True,
    left="each database and volume has its newest backup or the one of before; the next invoke backup completes the "
    "rest",
    work="backup",
)
def run(
    invocation: Invocation,
    only: Only = (),
    full: Annotated[bool, Option("read also a database whose files are as they were when it was last read")] = False,
) -> int:
    """Back up the databases and Docker volumes: snapshot, check, compress, upload."""
    from local.archive.cache import cache_folder
    from local.backup import run as backup
    from local.backup.upload import SnapshotUpload
    from local.doctor import last_run
    from local.output import tables
    from local.store.open import open_repository
    from local.watch import proof

    configured = invocation.settings
    databases, volumes = configured.select(only), configured.select_volumes(only)
    finish = SnapshotUpload.preview if invocation.check else SnapshotUpload.deliver
    folder = cache_folder(configured.store)
    opening = partial(open_repository, configured.store, configured.azure)
    with invocation.telling("backup", (*databases, *volumes)) as tell:
        with invocation.screen.watching() as watch, last_run.kept(configured, watch, check=invocation.check) as keep:
            report = backup.back_up(opening, databases, folder, watch, finish, volumes=volumes, full=full)
            if configured.backup.prove != "never" and not invocation.check:
                order = proof.ProofOrder(databases, volumes, configured.drill.host, configured.backup.prove)
                report = proof.prove(report, order, opening(), watch)
            keep(report)
        tell(report)
        invocation.screen.show(report, tables.backup)
    return proof.proven_exit_code(report)


@command("backup.list", JSON)
def list_points(
    invocation: Invocation,
    only: OnlyStored = (),
    name: Annotated[
        str | None,
        Option("this database or volume alone; also without --name: backup.list NAME", "NAME [all]", bare=True),
    ] = None,
) -> int:
    """List every backup in the store: every point in time that can be restored."""
    from local.output import tables
    from local.output.listing import listing
    from local.store.both_shelves import by_shelf, known_names
    from local.store.open import open_repository

    configured = invocation.settings
    repository = open_repository(configured.store, configured.azure)
    names = list(dict.fromkeys([*only, *([] if name is None else [name])]))
    shelves = by_shelf(repository, configured, names)
    found = listing(point for shelf, own in shelves if own or not names for point in shelf.points(own))
    stored = {point.name for point in found.backups}
    for asked in names:
        if asked not in {*configured.names, *stored}:
            raise unknown_name("backup.list", asked, known_names(repository, configured), "configured or stored")
    expected = names or configured.names
    invocation.screen.show(found, lambda screen, points: tables.listing(screen, points, clock.now(), expected))
    return 0
