"""Invoke's merged configuration into settings; every mistake is named by its key's path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from local.settings.checks import check, refuse_secrets
from local.settings.sections import (
    PREFIX,
    AzureSettings,
    BackupSettings,
    DrillSettings,
    RestoreSettings,
    ScheduleSettings,
    Section,
    Settings,
)
from local.validation import kind_at, read, read_struct

_OPTIONAL: dict[str, type[Section]] = {
    "azure": AzureSettings,
    "drill": DrillSettings,
    "backup": BackupSettings,
    "restore": RestoreSettings,
    "schedule": ScheduleSettings,
}
# Invoke's INVOKE_* variables set only keys that are declared before.
DECLARED: dict[str, Any] = {
    "store": {"prefix": PREFIX},
    **{key: msgspec.to_builtins(kind()) for key, kind in _OPTIONAL.items()},
}


def load(config: Mapping[str, Any], foreign: Iterable[str] = ()) -> Settings:
    """The settings in Invoke's merged configuration; `foreign` are the top-level keys that are Invoke's own.

    Raises ConfigError for the first mistake found, with the key's path, its value and what is allowed.
    """
    own = {key: value for key, value in config.items() if key not in set(foreign)}
    refuse_secrets(own.get("alerts"), "alerts")
    settings = read_struct(own, Settings)
    check(settings)
    return settings


def check_shape(keys: Sequence[object], value: object) -> None:
    """Raise ConfigError if `value` cannot stand below these keys, whatever else is configured."""
    if keys and keys[0] == "alerts":
        refuse_secrets(value, ".".join(map(str, keys)))
    kind = kind_at(Settings, keys)
    if kind is not None:
        read(value, kind, ".".join(map(str, keys)))
