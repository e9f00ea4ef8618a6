"""How a configuration value that cannot be meant is told: by its key's path, the value, and what is allowed."""

from __future__ import annotations

from local.errors import ConfigError


def mistake(path: str, value: object, allowed: str) -> ConfigError:
    """The one form of a configuration error."""
    return ConfigError(f"configuration: {path}", f"is {value!r}", f"allowed: {allowed}")
