"""What a key's type does not say of its value: names, times, what goes together and what belongs elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from local.check_sql import ALLOWED_CHECK, check_problem
from local.errors import ConfigError
from local.location import is_secure, parse_location
from local.settings.sections import (
    NAME,
    VOLUME_NAME,
    AlertSettings,
    AzureSettings,
    Database,
    EndpointSettings,
    RetentionSettings,
    ScheduleSettings,
    Settings,
)
from local.validation import mistake

_CHECK_NAME_CHARACTERS = 100
_SHORTEST_MINUTES = 5
_DAY_MINUTES = 24 * 60
# As deep as a mistake shows values; what a few of YAML's aliases make has no end.
_SECRET_LEVELS = 4
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(settings: Settings) -> None:
    """Raise ConfigError for the first value that no deployment can have."""
    parse_location(settings.store.url)
    _check_prefix(settings.store.prefix)
    _check_databases(settings.databases)
    _check_volumes(settings)
    _check_azure(settings.azure)
    _check_retention(settings.retention)
    _check_schedule(settings.schedule)
    _check_alerts(settings.alerts)


def refuse_secrets(value: object, path: str, levels: int = _SECRET_LEVELS) -> None:
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
            refuse_secrets(item, f"{path}.{key}", levels - 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            refuse_secrets(item, f"{path}[{index}]", levels - 1)


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
