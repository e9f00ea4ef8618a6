"""Whose settings: the files of Invoke's hierarchy, which of them is in force, and where a mistake in them stands.

A FILE (`-f`, INVOKE_RUNTIME_CONFIG) that names databases or volumes, and store.url, is a deployment of its own: of the
deployment that is tracked beside tasks.py nothing applies to it then, so that no other's drill.host, VM or principal
gets into its reports. A FILE that names none of these is laid over the tracked one, as everywhere in Invoke.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke.config import Config, merge_dicts

from local import environment, settings
from local.command_line import key_lines, settings_file
from local.errors import ConfigError
from local.settings import Settings

_CONFIGURATION = "configuration: "


@dataclass(frozen=True)
class Level:
    """One file of the hierarchy as people know it, and what stands in it."""

    shown: str
    path: Path
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Levels:
    """The files below FILE, the lowest first; FILE; the variables that are ours; and what collections declare.

    `left_out` is the tracked file where FILE is a deployment of its own.
    """

    lower: tuple[Level, ...]
    file: Level | None
    left_out: Level | None
    variables: Mapping[str, str]
    declared: Mapping[str, Any]

    @classmethod
    def of(cls, config: Config, variables: Mapping[str, str]) -> Levels:
        """Those that Invoke has read; ConfigError where FILE is gone, or names half of a deployment."""
        named = _hidden(config, "_runtime_path")
        if named is not None:
            named = str(named)
            settings_file.check_there(named)
        file, tracked = _level(config, "runtime", named), _level(config, "project", "")
        below = [_level(config, "system", "/etc/"), _level(config, "user", "~/")]
        left_out = tracked if file is not None and _is_deployment(file) else None
        if left_out is None:
            below.append(tracked)
        lower = tuple(level for level in below if level is not None)
        return cls(lower, file, left_out, variables, _hidden(config, "_collection"))

    def settings(self) -> Settings:
        """All of them merged and validated; ConfigError names the key, and the file and line in which it stands."""
        merged: dict[str, Any] = {}
        for content in (self.declared, *(level.content for level in self._files)):
            merge_dicts(merged, dict(content))  # which copies what it takes
        above = self.file.content if self.file else {}
        merged = environment.overlay(merged, self.variables, Settings, above)
        try:
            return settings.load(merged, foreign=Config.global_defaults())
        except ConfigError as error:
            raise self._located(error) from error

    def in_force(self) -> str:
        """The files and variables that the settings are from, the strongest first."""
        foreign = set(Config.global_defaults())
        files = [level.shown for level in reversed(self._files) if set(level.content) - foreign]
        without = []
        if self.left_out and self.file and not self.left_out.path.samefile(self.file.path):
            without = [f"without {self.left_out.shown}"]
        return ", ".join(filter(None, [" over ".join(files), *without, *self._variables_in_force()]))

    @property
    def _files(self) -> tuple[Level, ...]:
        return self.lower if self.file is None else (*self.lower, self.file)

    def _variables_in_force(self) -> list[str]:
        above = self.file.content if self.file else {}
        known = environment.variables(Settings)
        return sorted(name for name in self.variables if name in known and not environment.has(above, known[name]))

    def _located(self, error: ConfigError) -> ConfigError:
        """The same mistake with the place where it is to be mended."""
        keys = error.doing.removeprefix(_CONFIGURATION)
        variable = environment.PREFIX + keys.replace(".", "_").upper()
        place = variable if variable in self._variables_in_force() else self._place(keys)
        if not place or keys == error.doing:
            return error
        mend = f"add it to {self._files[-1].shown}" if error.came_back == "is missing" else error.mend
        return ConfigError(f"{error.doing} ({place})", error.came_back, mend)

    def _place(self, keys: str) -> str:
        """A list is replaced whole, so what is wrong in one stands in the highest file that has the list."""
        if not self._files:
            return ""
        head = keys.partition("[")[0]
        best = min(reversed(self._files), key=lambda level: len(key_lines.follow(level.path, head).rest))
        line = key_lines.follow(best.path, keys).line
        return f"line {line} of {best.shown}" if line else self._files[-1].shown


def _level(config: Config, name: str, shown: str | None) -> Level | None:
    """The file that Invoke has read on this level; None where there is none. An empty one has no content."""
    path = _hidden(config, f"_{name}_path")
    if not _hidden(config, f"_{name}_found") or path is None or shown is None:
        return None
    folder_or_path = shown if name == "runtime" else f"{shown}{Path(path).name}"
    return Level(folder_or_path, Path(path), _hidden(config, f"_{name}") or {})


def _is_deployment(file: Level) -> bool:
    """Whether it names databases or volumes, and a store; ConfigError where it names the one without the other."""
    store = file.content.get("store", {})
    if not isinstance(store, Mapping):
        return False  # which the validation tells
    sources = [key for key in ("databases", "volumes") if key in file.content]
    if bool(sources) != ("url" in store):
        missing, there = ("store.url", " and ".join(sources)) if sources else ("databases", "store.url")
        came_back = f"is missing, while {there} is there: the tracked invoke.yaml's would stand in for it"
        mend = f"add it to {file.shown}" if sources else f"add it, or volumes, to {file.shown}"
        raise ConfigError(f"{_CONFIGURATION}{missing} ({file.shown})", came_back, mend)
    return bool(sources)


def _hidden(config: Config, name: str) -> Any:
    """An attribute of Invoke's configuration, which tells no level of its hierarchy by a public name."""
    return object.__getattribute__(config, name)
