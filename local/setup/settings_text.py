"""A settings file as text: commented, every word from outside in quotes, and read back before anybody relies on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings
from local.errors import PillarError
from local.settings import AzureSettings, Cloud, Database, DrillSettings, Settings, StoreSettings, Volume
from local.setup.row_floor import RowFloor


@dataclass(frozen=True)
class FoundDatabase:
    """A database for the file: its floor, or why it was not counted (neither: it has no rows yet)."""

    name: str
    path: Path
    floor: RowFloor | None = None
    uncounted: str | None = None

    @property
    def rows(self) -> dict[str, int]:
        """The floor as the settings have it."""
        return {self.floor.table: self.floor.minimum} if self.floor else {}


@dataclass(frozen=True)
class NewSettings:
    """What the file says: where the backups go, of which databases and volumes, and what this machine is called."""

    store: StoreSettings
    cloud: Cloud
    host: str
    databases: Sequence[FoundDatabase]
    volumes: Sequence[str] = ()

    def meant(self) -> Settings:
        """What the commands are to find in the file."""
        return Settings(
            store=self.store,
            databases=tuple(Database(name=each.name, path=each.path, rows=each.rows) for each in self.databases),
            volumes=tuple(Volume(name=name) for name in self.volumes),
            azure=AzureSettings(cloud=self.cloud),
            drill=DrillSettings(host=self.host),
        )


def write_out(new: NewSettings) -> str:
    """The file's text; PillarError where reading it back finds anything else than was meant."""
    databases = _DATABASES + "".join(map(_database, new.databases)) if new.databases else ""
    volumes = _VOLUMES + "".join(f"  - name: {_quoted(name)}\n" for name in new.volumes) if new.volumes else ""
    text = _HEAD + _store(new) + "\n".join(filter(None, (databases, volumes))) + _rest(new)
    if settings.load(yaml.safe_load(text)) != new.meant():  # type: ignore[no-untyped-call]
        raise PillarError("init: read back the settings", "they are not those that were meant", "report this as a bug")
    return text


def _store(new: NewSettings) -> str:
    return f"store:\n  url: {_quoted(new.store.url)}\n  prefix: {_quoted(new.store.prefix)}   # the folder in it\n\n"


def _database(found: FoundDatabase) -> str:
    lines = [f"  - name: {_quoted(found.name)}", f"    path: {_quoted(str(found.path))}"]
    if found.floor:
        counted = f"   # 90 % of the {found.floor.rows} rows of today"
        lines.append(f"    rows: {{{_quoted(found.floor.table)}: {found.floor.minimum}}}{counted}")
    else:
        why = "it was not counted" if found.uncounted else "no table has a row yet"
        lines.append(f"    rows: {{}}   # {why}: name a table and its least rows, as in {{orders: 1}}")
    return "\n".join(lines) + "\n"


def _rest(new: NewSettings) -> str:
    cloud = f"azure:\n  cloud: {new.cloud}\n\n" if new.cloud != "public" else ""
    return f"\n{cloud}drill:\n  host: {_quoted(new.host)}   # what this machine is called in reports\n{_LATER}"


def _quoted(text: str) -> str:
    """YAML's double quotes, in which every character can stand, and on one line."""
    dumped = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))  # type: ignore[no-untyped-call]
    return str(dumped).removesuffix("\n")


_HEAD = """\
# Settings of Pillar #9, written by `invoke init`; yours to change. Every command takes them with: invoke -f THIS_FILE …
# (or INVOKE_RUNTIME_CONFIG=THIS_FILE). As it names a store and its sources, nothing of the tracked invoke.yaml applies.
# Each key is explained in README.md, section Configuration. No credential belongs here.

"""
_DATABASES = """\
# `rows` is the least that a restored copy must have of a table: a drill of one with fewer fails. Others, where you want
# them: `checks: {name: SELECT …}` are claims of the application, `probe: COMMAND` proves a restore in place.
databases:
"""
_VOLUMES = """\
# Docker volumes, read through the engine's API. Where a volume must keep still while it is read, name its containers:
# `pause: [CONTAINER]` or `stop: [CONTAINER]`. The SQLite databases in it are backed up as databases in any case.
volumes:
"""
_LATER = """\
  # fallback: true               # a drill on the VM that cannot run there runs here
  # max_age_days: 35             # invoke status: how old the last passed drill may be

# backup:
#   max_age_hours: 5             # invoke status: how old the last backup may be
#   prove: daily                 # never | daily | always: drill here what was just written

# retention: {keep_last: 12, keep_daily: 30, keep_weekly: 12, keep_monthly: 24}   # for invoke backup.prune

# azure:                         # for invoke drill.remote and the rbac commands
#   subscription: SUBSCRIPTION_ID
#   resource_group: GROUP
#   vm: VM
#   service_principal: APPLICATION_ID
"""
