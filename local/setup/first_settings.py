"""`invoke init`: what is found of the databases and the store, the file that follows from it, and what comes next."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Annotated

import msgspec
from msgspec import Meta

from local.errors import SourceError
from local.output.endings import listed
from local.output.screen import Screen
from local.report import DatabaseName, Document
from local.setup import destination, named_volumes, names, new_file, sqlite_files
from local.setup.destination import StoreDestination
from local.setup.named_volumes import FoundVolume
from local.setup.questions import Wishes
from local.setup.row_floor import row_floor
from local.setup.settings_text import FoundDatabase, NewSettings, write_out

# Where it says what it has found, a line each.
Tell = Callable[[str], object]
_NEXT = ("backup", "drill.local", "backup.list")


class ConfiguredDatabase(msgspec.Struct, frozen=True):
    """One database as the file names it."""

    name: DatabaseName
    path: Annotated[str, Meta(description="where it lies on this machine")]
    rows: Annotated[dict[str, int], Meta(description="the floor of its largest table; empty where it was not counted")]
    uncounted: Annotated[str | None, Meta(description="why it has no floor; null where it was counted")]


class ConfiguredVolume(msgspec.Struct, frozen=True):
    """One Docker volume as the file names it."""

    name: Annotated[str, Meta(description="the volume")]
    unseen: Annotated[str | None, Meta(description="why no engine was asked for it; null where it is there")]


class Init(msgspec.Struct, frozen=True):
    """A first settings file, or with `check` the one that would be written."""

    file: Annotated[str, Meta(description="the settings file")]
    check: Annotated[bool, Meta(description="whether nothing was written (`--check`)")]
    store: Annotated[str, Meta(description="the store's URL")]
    made_folder: Annotated[str | None, Meta(description="the store's folder, where it had to be made")]
    notes: Annotated[
        tuple[str, ...], Meta(description="what a person should know of the databases, the volumes and the store")
    ]
    next: Annotated[tuple[str, ...], Meta(description="the commands to go on with")]
    text: Annotated[str, Meta(description="what the file says")]


class InitDocument(Document, frozen=True, omit_defaults=True):
    """`init`."""

    init: Init
    databases: tuple[ConfiguredDatabase, ...]
    volumes: Annotated[
        tuple[ConfiguredVolume, ...], Meta(description="the Docker volumes; absent where there is none")
    ] = ()


@dataclass(frozen=True)
class FirstSettings:
    """A settings file that is not there yet, and the store that it is about."""

    file: Path
    destination: StoreDestination
    databases: tuple[FoundDatabase, ...]
    text: str
    volumes: tuple[FoundVolume, ...] = ()

    def write(self) -> None:
        """Make the store's folder, where it is missing, and the file; ConfigError where there is such a file by now."""
        destination.make(self.destination)
        new_file.write(self.file, self.text)

    def document(self, *, check: bool) -> InitDocument:
        """What was done, or would be."""
        missing = self.destination.missing
        init = Init(
            str(self.file),
            check,
            self.destination.store.url,
            str(missing) if missing else None,
            tuple(self._notes()),
            tuple(f"invoke -f {quote(str(self.file))} {command}" for command in _NEXT),
            self.text,
        )
        configured = (
            ConfiguredDatabase(each.name, str(each.path), each.rows, each.uncounted) for each in self.databases
        )
        return InitDocument(init, tuple(configured), tuple(ConfiguredVolume(x.name, x.unseen) for x in self.volumes))

    def _notes(self) -> Iterator[str]:
        for each in self.databases:
            if each.uncounted:
                yield f"{each.name} was not counted, so it has no floor: {each.uncounted}"
        unseen = [each for each in self.volumes if each.unseen]
        if unseen:
            yield f"no engine was asked for {listed([each.name for each in unseen])}: {unseen[0].unseen}"
        if destination.on_the_same_disk(self.destination, (each.path for each in self.databases)):
            yield "the store is on the same disk as a database: what takes that disk takes both"


def prepare(wishes: Wishes, chosen: StoreDestination, file: Path, tell: Tell) -> FirstSettings:
    """Look at the databases and volumes that are named, and say what goes into the file; nothing is changed.

    Raises ConfigError for what is no database or volume. One that cannot be counted, or looked for, now is in the file
    all the same, and its backup will say why.
    """
    volumes = named_volumes.find(wishes.volumes)
    paths = sqlite_files.find(wishes.databases)
    databases = tuple(_look_at(name, path, tell) for name, path in zip(names.unique_names(paths), paths, strict=True))
    for volume in volumes:
        tell(f"{volume.name}: a Docker volume{', not looked for' if volume.unseen else ''}")
    named = [volume.name for volume in volumes]
    text = write_out(NewSettings(chosen.store, chosen.cloud, this_machine(), databases, named))
    return FirstSettings(file, chosen, databases, text, volumes)


def this_machine() -> str:
    """This machine's name without its domain, for reports."""
    return socket.gethostname().partition(".")[0] or "localhost"


def show(screen: Screen, document: InitDocument) -> None:
    """The file's text where it was only looked at, else where it is; and the commands that come next."""
    init = document.init
    if init.check:
        screen.say(f"check: {init.file} would be:")
        for line in init.text.splitlines():
            screen.quote(line)
    for note in init.notes:
        screen.say(note, "yellow")
    folder = f"{'would make' if init.check else 'made'} the folder {init.made_folder}; " if init.made_folder else ""
    if init.check:
        screen.say(f"check: {folder}nothing was changed")
        return
    screen.say(f"{folder}wrote {init.file}: {_count(document)} to {init.store}")
    screen.say("next:")
    for command in init.next:
        screen.quote(f"  {command}")


def _count(document: InitDocument) -> str:
    counts = ((len(document.databases), "database"), (len(document.volumes), "volume"))
    return " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)


def _look_at(name: str, path: Path, tell: Tell) -> FoundDatabase:
    try:
        found = FoundDatabase(name, path, row_floor(path))
    except SourceError as error:
        tell(f"{name}: {path}, not counted")
        return FoundDatabase(name, path, uncounted="; ".join(filter(None, (error.came_back, error.mend))))
    floor = found.floor
    counted = f"{floor.rows:,} rows in {floor.table} (floor {floor.minimum:,})" if floor else "no rows yet"
    tell(f"{name}: {path}, {counted}")
    return found


def target(named: str) -> Path:
    """The file that `--to` names, as it was written where that is enough to find it from here."""
    return Path(os.path.expanduser(named))  # noqa: PTH111 - Path.expanduser raises
