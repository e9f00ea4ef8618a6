"""What was not said on the command line is asked for, where a person is there to answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from local.errors import ConfigError
from local.output.screen import Screen


@dataclass(frozen=True)
class Wishes:
    """What a person wants backed up, as files, folders and patterns, and as volumes; and where to."""

    databases: Sequence[str]
    store: str
    volumes: Sequence[str] = ()


def complete(screen: Screen, databases: Sequence[str], volumes: Sequence[str], store: str | None) -> Wishes:
    """The wishes, asked for as far as they are missing; ConfigError where nobody is there to be asked."""
    sources = bool(databases or volumes)
    missing = [
        *(() if sources else ("--database PATH (or --volume NAME)",)),
        *(("--store URL",) if store is None else ()),
    ]
    if missing and not (sys.stdin and sys.stdin.isatty() and screen.terminal):
        came_back = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, and no terminal to ask at"
        mend = "as in: invoke init --database ~/app/data --store /backups (a folder, or a container's https URL)"
        raise ConfigError("init", came_back, mend)
    databases = databases if sources else _ask_databases(screen)
    return Wishes(databases, _ask_store(screen) if store is None else store, volumes)


def _ask_databases(screen: Screen) -> list[str]:
    screen.say("Which databases? Files, folders or patterns; an empty line ends the list.")
    answers: list[str] = []
    while answer := _answer(screen, "database: ", needed=not answers):
        answers.append(answer)
    return answers


def _ask_store(screen: Screen) -> str:
    screen.say("Where to? A folder, best on another disk, or a container:")
    screen.say("https://ACCOUNT.blob.core.windows.net/CONTAINER")
    return _answer(screen, "store: ", needed=True)


def _answer(screen: Screen, question: str, *, needed: bool) -> str:
    while True:
        screen.stream.write(question)
        line = sys.stdin.readline()
        if not line and needed:
            raise ConfigError("init", "the answers ended", "give them as options: --database PATH --store URL")
        if line.strip() or not needed:
            return line.strip()
