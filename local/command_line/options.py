"""The options of the commands: what each says in `--help`, and those that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec


class Option(msgspec.Struct, frozen=True):
    """How a parameter stands on the command line; with `bare` its value may also be given as a word of its own.

    `value` is what its value is called in the help, with what stands for it where it is not given: `PATH [./NAME.db]`.
    """

    help: str
    value: str = ""
    repeatable: bool = False
    bare: bool = False


class Flag(msgspec.Struct, frozen=True):
    """A switch that a command's Invocation answers to, so that the command itself has no parameter for it."""

    name: str
    help: str


JSON = Flag("json", "print one JSON document on stdout; what is for people goes to stderr")
CHECK = Flag("check", "say what would be done, and change nothing")

Only = Annotated[Sequence[str], Option("this database or volume alone (repeatable)", "NAME [all]", repeatable=True)]
OnlyStored = Annotated[
    Sequence[str],
    Option("this database or volume alone, configured or not (repeatable)", "NAME [all]", repeatable=True),
]
# None where it is not given, which is not the same as given as "".
Date = Annotated[str | None, Option("the last backup of this UTC day", "YYYY-MM-DD [the newest backup]")]
At = Annotated[
    str | None,
    Option("the newest backup at or before this moment, as backup.list shows it", "TIMESTAMP [the newest backup]"),
]
From = Annotated[str | None, Option("this archive alone, wherever it lies; no store is asked", "FILE.db.gz")]
