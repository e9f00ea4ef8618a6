"""What may stand in the configuration: its sections, the type of each key, and the whole of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from local.location import StoreLocation, parse_location
from local.validation import unknown_name

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
# Docker's own rule for a volume's name.
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
PREFIX = "sqlite"
Cloud = Literal["public", "usgov", "china", "custom"]
Text = Annotated[str, msgspec.Meta(min_length=1, description="text that is not empty")]
Share = Annotated[float, msgspec.Meta(gt=0, le=1, description="a share above 0, at most 1")]
Proving = Literal["never", "daily", "always"]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1, description="a whole number, 0 or more")]
DrillCommand = Literal["drill.local", "drill.remote"]
DrillDay = Literal["first-business-day"]
Label = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\Z",
        max_length=100,
        description="words of letters, digits, - and _, joined by dots",
    ),
]
Interval = Annotated[
    str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,3}[mh]\Z", description="5m to 24h, a divisor of the day: 15m, 4h")
]
Age = Annotated[float, msgspec.Meta(gt=0, le=1e6, description="a number above 0, at most 1000000")]
Copies = Annotated[int, msgspec.Meta(ge=1, le=1000, description="a whole number from 1 to 1000")]
Patience = Annotated[float, msgspec.Meta(gt=0, le=86400, description="seconds, a number above 0, at most 86400")]
LocalPath = Annotated[Path, msgspec.Meta(description="an absolute path, or one that starts with ~/")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping in invoke.yaml whose keys are all known."""


class StoreSettings(Section, frozen=True):
    """Where the backups are kept: `url` is a folder's (file:///…) or a container's, `prefix` a folder in it."""

    url: Text
    prefix: Text = PREFIX

    @property
    def location(self) -> StoreLocation:
        """The folder or the container; `load` has seen to it that there is one."""
        return parse_location(self.url)


class Database(Section, frozen=True):
    """One live database.

    `rows` is the floor that the drill holds each table to, `checks` what its application claims of its data (SQL by
    name), `probe` what proves a live restore.
    """

    name: Text
    path: LocalPath
    rows: dict[str, Count] = {}
    checks: dict[str, Text] = {}
    probe: str | None = None


class Volume(Section, frozen=True):
    """One Docker volume, and the containers that are stopped or paused while it is read."""

    name: Text
    stop: tuple[Text, ...] = ()
    pause: tuple[Text, ...] = ()


class EndpointSettings(Section, frozen=True):
    """The URLs of a custom cloud."""

    authority: str | None = None
    resource_manager: str | None = None
    graph: str | None = None


class AzureSettings(Section, frozen=True):
    """Where the VM is, who must be able to run commands on it, and which cloud this is."""

    tenant: str | None = None
    subscription: str | None = None
    resource_group: Text | None = None
    vm: Text | tuple[Text, ...] | None = None
    service_principal: Text | None = None
    role: Text = "Virtual Machine Contributor"
    cloud: Cloud = "public"
    endpoints: EndpointSettings = EndpointSettings()

    @property
    def vms(self) -> tuple[str, ...]:
        """The VMs' names, whether one or a list was given."""
        if self.vm is None:
            return ()
        return (self.vm,) if isinstance(self.vm, str) else self.vm


class DrillSettings(Section, frozen=True):
    """What this machine is called, what a drill does that cannot run on the VM, and how old the last one may be."""

    host: Text = "localhost"
    fallback: bool = True
    max_age_days: Age = 35


class BackupSettings(Section, frozen=True):
    """How old the last backup may be, how long a content may stay the same, when a backup is drilled at once."""

    max_age_hours: Age = 5
    max_unchanged_days: Age | None = None
    prove: Proving = "never"


class RetentionSettings(Section, frozen=True):
    """How many of the newest points are kept, and of the newest of each day, ISO week, month, year; 0: none by that
    rule. A run removes at most `max_share` of a database's points.
    """

    keep_last: Count = 0
    keep_daily: Count = 0
    keep_weekly: Count = 0
    keep_monthly: Count = 0
    keep_yearly: Count = 0
    max_share: Share = 0.25


class RestoreSettings(Section, frozen=True):
    """How many pre-restore copies of a live database count as kept, and how many seconds a probe may take."""

    keep_copies: Copies = 3
    probe_seconds: Patience = 60


class DrillScheduleSettings(Section, frozen=True):
    """The month's drill: by which command, on which day, and by whose holidays (ISO 3166; null: weekends only)."""

    command: DrillCommand = "drill.local"
    day: DrillDay = "first-business-day"
    country: str | None = None


class ScheduleSettings(Section, frozen=True):
    """What the scheduled agents' names begin with, how often they back up, and the month's drill."""

    label: Label = "com.alai"
    every: Interval = "4h"
    drill: DrillScheduleSettings = DrillScheduleSettings()

    @property
    def every_minutes(self) -> int:
        """The time between two backups on the wall clock, a divisor of the day once `load` has checked it."""
        return int(self.every[:-1]) * (60 if self.every.endswith("h") else 1)


class AlertSettings(Section, frozen=True):
    """Where the URLs of alerts (Apprise's), of the backups' check and of the drills' check stand: each in a variable of
    the environment or in a file that nobody else may read, never here.
    """

    urls_env: Text | None = None
    urls_file: LocalPath | None = None
    ping_env: Text | None = None
    ping_file: LocalPath | None = None
    drill_ping_env: Text | None = None
    drill_ping_file: LocalPath | None = None


class Settings(Section, frozen=True):
    """The whole configuration."""

    store: StoreSettings
    databases: tuple[Database, ...] = ()
    volumes: tuple[Volume, ...] = ()
    azure: AzureSettings = AzureSettings()
    drill: DrillSettings = DrillSettings()
    backup: BackupSettings = BackupSettings()
    retention: RetentionSettings | None = None
    restore: RestoreSettings = RestoreSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Whatever is backed up: the databases, then the volumes, in configured order."""
        return (*(database.name for database in self.databases), *(volume.name for volume in self.volumes))

    def select(self, only: Sequence[str]) -> tuple[Database, ...]:
        """The databases that `--only` names, in configured order, or all; ConfigError for a name that is not known."""
        self._check_known(only)
        return tuple(database for database in self.databases if not only or database.name in only)

    def select_volumes(self, only: Sequence[str]) -> tuple[Volume, ...]:
        """The volumes that `--only` names, in configured order, or all; ConfigError for a name that is not known."""
        self._check_known(only)
        return tuple(volume for volume in self.volumes if not only or volume.name in only)

    def _check_known(self, only: Sequence[str]) -> None:
        for name in only:
            if name not in self.names:
                raise unknown_name("--only", name, self.names, "configured")
