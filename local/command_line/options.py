"""The options of the commands: what each says in `--help`, and those that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec


class Option(msgspec.Struct, frozen=True):
    """How a parameter stands on the command line; with `bare` its value may also be given as a word of its own."""

    help: str
    repeatable: bool = False
    bare: bool = False


class Flag(msgspec.Struct, frozen=True):
    """A switch that a command's Invocation answers to, so that the command itself has no parameter for it."""

    name: str
    help: str


JSON = Flag("json", "one JSON document on stdout, what goes on to stderr")
CHECK = Flag("check", "say what would change, and change nothing")

Only = Annotated[Sequence[str], Option("only this database (repeatable)", repeatable=True)]
Date = Annotated[str, Option("the backups of this UTC day, YYYY-MM-DD")]
At = Annotated[str, Option("the newest backups not later than this moment, as backup.list shows it")]
From = Annotated[str | None, Option("this archive alone, a .db.gz that lies anywhere; no store is needed")]
