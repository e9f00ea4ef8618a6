"""`invoke init`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, Option


@command("init", CHECK, JSON, left="no settings file was written")
def init(
    invocation: Invocation,
    database: Annotated[
        Sequence[str],
        Option(
            "a SQLite file, a folder (every one right in it) or a pattern in quotes (repeatable)",
            "PATH",
            repeatable=True,
        ),
    ] = (),
    volume: Annotated[Sequence[str], Option("a Docker volume (repeatable)", "NAME", repeatable=True)] = (),
    store: Annotated[
        str | None,
        Option(
            "where the backups go: a folder, made if it is not there, or https://ACCOUNT.blob.core.windows.net/CONTAINER",
            "FOLDER or URL",
        ),
    ] = None,
    to: Annotated[
        str, Option("the settings file to write; one that is there is never overwritten", "FILE")
    ] = "pillar9.yaml",
) -> int:
    """Write a first settings file for your databases, volumes and store; asks for what you do not give."""
    from local.setup import destination, first_settings, new_file, questions

    screen, check = invocation.screen, invocation.check
    file = first_settings.target(to)
    new_file.check(file)
    wishes = questions.complete(screen, database, volume, store)
    chosen = destination.find(wishes.store)
    checking = "; a check, which changes nothing" if check else ""
    screen.say(f"store {chosen.store.url} (settings: {file}, to be written){checking}")
    found = first_settings.prepare(wishes, chosen, file, screen.say)
    if not check:
        found.write()
    screen.show(found.document(check=check), first_settings.show)
    return 0
