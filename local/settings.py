"""Invoke's configuration, validated into frozen settings; every mistake is named by its key's path."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from local.check_sql import ALLOWED_CHECK, check_problem
from local.errors import ConfigError
from local.location import StoreLocation, is_secure, parse_location
from local.validation import kind_at, mistake, read, read_struct, unknown_name

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
# Docker's own rule for a volume's name.
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_PREFIX = "sqlite"
_CHECK_NAME_CHARACTERS = 100
_SHORTEST_MINUTES = 5
_DAY_MINUTES = 24 * 60
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
# As deep as a mistake shows values; what a few of YAML's aliases make has no end.
_SECRET_LEVELS = 4
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping in invoke.yaml whose keys are all known."""


class StoreSettings(_Section, frozen=True):
    """Where the backups are kept: `url` is a folder's (file:///…) or a container's, `prefix` a folder in it."""

    url: Text
    prefix: Text = _PREFIX

    @property
    def location(self) -> StoreLocation:
        """The folder or the container; `load` has seen to it that there is one."""
        return parse_location(self.url)


class Database(_Section, frozen=True):
    """One live database.

    `rows` is the floor that the drill holds each table to, `checks` what its application claims of its data (SQL by
    name), `probe` what proves a live restore.
    """

    name: Text
    path: LocalPath
    rows: dict[str, Count] = {}
    checks: dict[str, Text] = {}
    probe: str | None = None


class Volume(_Section, frozen=True):
    """One Docker volume, and the containers that are stopped or paused while it is read."""

    name: Text
    stop: tuple[Text, ...] = ()
    pause: tuple[Text, ...] = ()


class EndpointSettings(_Section, frozen=True):
    """The URLs of a custom cloud."""

    authority: str | None = None
    resource_manager: str | None = None
    graph: str | None = None


class AzureSettings(_Section, frozen=True):
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


class DrillSettings(_Section, frozen=True):
    """What this machine is called, what a drill does that cannot run on the VM, and how old the last one may be."""

    host: Text = "localhost"
    fallback: bool = True
    max_age_days: Age = 35


class BackupSettings(_Section, frozen=True):
    """How old the last backup may be, how long a content may stay the same, when a backup is drilled at once."""

    max_age_hours: Age = 5
    max_unchanged_days: Age | None = None
    prove: Proving = "never"


class RetentionSettings(_Section, frozen=True):
    """How many of the newest points are kept, and of the newest of each day, ISO week, month, year; 0: none by that
    rule. A run removes at most `max_share` of a database's points.
    """

    keep_last: Count = 0
    keep_daily: Count = 0
    keep_weekly: Count = 0
    keep_monthly: Count = 0
    keep_yearly: Count = 0
    max_share: Share = 0.25


class RestoreSettings(_Section, frozen=True):
    """How many pre-restore copies of a live database count as kept, and how many seconds a probe may take."""

    keep_copies: Copies = 3
    probe_seconds: Patience = 60


class DrillScheduleSettings(_Section, frozen=True):
    """The month's drill: by which command, on which day, and by whose holidays (ISO 3166; null: weekends only)."""

    command: DrillCommand = "drill.local"
    day: DrillDay = "first-business-day"
    country: str | None = None


class ScheduleSettings(_Section, frozen=True):
    """What the scheduled agents' names begin with, how often they back up, and the month's drill."""

    label: Label = "com.alai"
    every: Interval = "4h"
    drill: DrillScheduleSettings = DrillScheduleSettings()

    @property
    def every_minutes(self) -> int:
        """The time between two backups on the wall clock, a divisor of the day once `load` has checked it."""
        return int(self.every[:-1]) * (60 if self.every.endswith("h") else 1)


class AlertSettings(_Section, frozen=True):
    """Where the URLs of alerts (Apprise's), of the backups' check and of the drills' check stand: each in a variable of
    the environment or in a file that nobody else may read, never here.
    """

    urls_env: Text | None = None
    urls_file: LocalPath | None = None
    ping_env: Text | None = None
    ping_file: LocalPath | None = None
    drill_ping_env: Text | None = None
    drill_ping_file: LocalPath | None = None


_OPTIONAL: dict[str, type[_Section]] = {
    "azure": AzureSettings,
    "drill": DrillSettings,
    "backup": BackupSettings,
    "restore": RestoreSettings,
    "schedule": ScheduleSettings,
}


class Settings(_Section, frozen=True):
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


# Invoke's INVOKE_* variables set only keys that are declared before.
DECLARED: dict[str, Any] = {
    "store": {"prefix": _PREFIX},
    **{key: msgspec.to_builtins(kind()) for key, kind in _OPTIONAL.items()},
}


def load(config: Mapping[str, Any], foreign: Iterable[str] = ()) -> Settings:
    """The settings in Invoke's merged configuration; `foreign` are the top-level keys that are Invoke's own.

    Raises ConfigError for the first mistake found, with the key's path, its value and what is allowed.
    """
    own = {key: value for key, value in config.items() if key not in set(foreign)}
    _refuse_secrets(own.get("alerts"), "alerts")
    settings = read_struct(own, Settings)
    parse_location(settings.store.url)
    _check_prefix(settings.store.prefix)
    _check_databases(settings.databases)
    _check_volumes(settings)
    _check_azure(settings.azure)
    _check_retention(settings.retention)
    _check_schedule(settings.schedule)
    _check_alerts(settings.alerts)
    return settings


def check_shape(keys: Sequence[object], value: object) -> None:
    """Raise ConfigError if `value` cannot stand below these keys, whatever else is configured."""
    if keys and keys[0] == "alerts":
        _refuse_secrets(value, ".".join(map(str, keys)))
    kind = kind_at(Settings, keys)
    if kind is not None:
        read(value, kind, ".".join(map(str, keys)))


def _check_prefix(prefix: str) -> None:
    if not all(NAME.fullmatch(part) for part in prefix.split("/")):
        raise mistake("store.prefix", prefix, f"folder names of {NAME.pattern}, joined by /")


def _check_databases(databases: tuple[Database, ...]) -> None:
    seen: dict[str, int] = {}
    for index, database in enumerate(databases):
        where = f"databases[{index}]"
        if not NAME.fullmatch(database.name):
            raise mistake(f"{where}.name", database.name, NAME.pattern)
        if database.name in seen:
            raise mistake(f"{where}.name", database.name, f"a name of its own; databases[{seen[database.name]}] has it")
        if not database.path.is_absolute():
            raise mistake(f"{where}.path", str(database.path), "an absolute path, or one that starts with ~/")
        _check_probe(f"{where}.probe", database.probe)
        seen[database.name] = index
        _check_claims(f"{where}.checks", database.checks)


def _check_volumes(settings: Settings) -> None:
    """A folder's file system may not tell capital letters apart, so names that differ in nothing else are one."""
    if not settings.databases and not settings.volumes:
        raise mistake("databases", [], "at least one {name, path}, unless there are volumes")
    seen = {database.name: f"databases[{index}]" for index, database in enumerate(settings.databases)}
    for index, volume in enumerate(settings.volumes):
        where = f"volumes[{index}]"
        if not VOLUME_NAME.fullmatch(volume.name):
            raise mistake(f"{where}.name", volume.name, VOLUME_NAME.pattern)
        other = seen.setdefault(volume.name.lower(), where)
        if other != where:
            raise mistake(f"{where}.name", volume.name, f"a name of its own; {other} has it")
        both = [name for name in volume.stop if name in volume.pause]
        if both:
            raise mistake(f"{where}.pause", both[0], f"a container that is not in {where}.stop")


def _check_claims(where: str, checks: Mapping[str, str]) -> None:
    for name, sql in checks.items():
        if not name.strip() or not name.isprintable() or len(name) > _CHECK_NAME_CHARACTERS:
            raise mistake(where, name, f"names of at most {_CHECK_NAME_CHARACTERS} characters that can be shown")
        problem = check_problem(sql)
        if problem:
            raise mistake(f"{where}.{name}", sql, f"{ALLOWED_CHECK}; {problem}")


def _check_retention(retention: RetentionSettings | None) -> None:
    if retention is None:
        return
    rules = {key: getattr(retention, key) for key in RetentionSettings.__struct_fields__ if key != "max_share"}
    if not any(rules.values()):
        raise mistake("retention", rules, "at least one of these above 0: these would keep nothing")


def _check_probe(where: str, probe: str | None) -> None:
    allowed = "a command in words as a shell splits them (no shell runs: sh -c '…' asks for one)"
    if probe is None:
        return
    try:
        words = shlex.split(probe)
    except ValueError:  # a quotation that does not end
        words = []
    if not words or "\0" in probe:
        raise mistake(where, probe, allowed)


def _check_schedule(schedule: ScheduleSettings) -> None:
    minutes = schedule.every_minutes
    if not _SHORTEST_MINUTES <= minutes <= _DAY_MINUTES or _DAY_MINUTES % minutes:
        raise mistake("schedule.every", schedule.every, "5m to 24h, a divisor of the day: 15m, 4h")
    country = schedule.drill.country
    if country is None:
        return
    from holidays.registry import COUNTRIES

    if country not in {codes[1] for codes in COUNTRIES.values()}:
        allowed = "a country's two letters (ISO 3166) that python-holidays knows, as in NO; null: weekends only"
        raise mistake("schedule.drill.country", country, allowed)


def _refuse_secrets(value: object, path: str, levels: int = _SECRET_LEVELS) -> None:
    """Raise ConfigError for a URL, which belongs elsewhere and holds a secret, so it is not repeated."""
    if isinstance(value, str) and "://" in value:
        raise ConfigError(
            f"configuration: {path}",
            "holds a URL, which is a secret",
            "allowed: the name of a variable or of a file of mode 0600 that holds it",
        )
    if levels == 0:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_secrets(item, f"{path}.{key}", levels - 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_secrets(item, f"{path}[{index}]", levels - 1)


def _check_alerts(alerts: AlertSettings | None) -> None:
    if alerts is None:
        return
    for key in ("urls", "ping", "drill_ping"):
        env, path = getattr(alerts, f"{key}_env"), getattr(alerts, f"{key}_file")
        if env is not None and path is not None:
            raise mistake(f"alerts.{key}_env", env, f"one of alerts.{key}_env and alerts.{key}_file, not both")
        if env is not None and not _VARIABLE.fullmatch(env):
            # It may be the secret itself, so it is not repeated.
            told = "is no name of a variable"
            raise ConfigError(f"configuration: alerts.{key}_env", told, f"allowed: {_VARIABLE.pattern}")
        if path is not None and not path.is_absolute():
            told = "is no absolute path"
            raise ConfigError(f"configuration: alerts.{key}_file", told, "allowed: an absolute path, or ~/…")


def _check_azure(azure: AzureSettings) -> None:
    urls = {key: getattr(azure.endpoints, key) for key in EndpointSettings.__struct_fields__}
    for key, value in urls.items():
        if azure.cloud == "custom" and not value:
            raise mistake(f"azure.endpoints.{key}", value, "an https URL, since azure.cloud is custom")
        if azure.cloud != "custom" and value:
            raise mistake(f"azure.endpoints.{key}", value, "nothing, unless azure.cloud is custom")
        if value and not is_secure(value):
            raise mistake(f"azure.endpoints.{key}", value, "an https URL (http for loopback hosts only)")
    for index, vm in enumerate(azure.vms):
        if vm in azure.vms[:index]:
            raise mistake(f"azure.vm[{index}]", vm, "each VM once")
