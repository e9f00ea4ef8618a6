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
        Option("a SQLite file, or a folder or pattern of such: every one that is in it (repeatable)", repeatable=True),
    ] = (),
    store: Annotated[
        str | None, Option("a folder, made if it is not there, or https://ACCOUNT.blob.core.windows.net/CONTAINER")
    ] = None,
    to: Annotated[str, Option("the settings file to write; never overwrites one")] = "pillar9.yaml",
) -> int:
    """Write a first settings file for your databases and your store; asks for what is not said."""
    from local.setup import destination, first_settings, new_file, questions

    screen, check = invocation.screen, invocation.check
    file = first_settings.target(to)
    new_file.check(file)
    wishes = questions.complete(screen, database, store)
    chosen = destination.find(wishes.store)
    checking = "; a check, which changes nothing" if check else ""
    screen.say(f"store {chosen.store.url} (settings: {file}, to be written){checking}")
    found = first_settings.prepare(wishes.databases, chosen, file, screen.say)
    if not check:
        found.write()
    screen.show(found.document(check=check), first_settings.show)
    return 0
