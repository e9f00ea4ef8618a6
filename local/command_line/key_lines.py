"""In which line of a YAML file a key stands, for the key's path as errors tell it: `databases[1].rows.tasks`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke.util import yaml  # type: ignore[attr-defined]

_YAML = (".yaml", ".yml", ".json")  # JSON is read as YAML here, for the lines


@dataclass(frozen=True)
class Trace:
    """How far a path could be followed: what is left of it, and the line (from 1) of the last key that is there."""

    rest: str
    line: int | None = None


def follow(path: Path, keys: str) -> Trace:
    """Follow the keys in the file; none of them where it is no YAML, or does not read any more."""
    if path.suffix not in _YAML:
        return Trace(keys)
    try:
        with path.open() as file:
            node = yaml.compose(file, Loader=yaml.SafeLoader)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return Trace(keys)
    return _follow(node, keys)


def _follow(node: Any, keys: str) -> Trace:
    line = None
    while keys:
        step = _step_in_list(node, keys) if keys.startswith("[") else _step_in_mapping(node, keys.removeprefix("."))
        if step is None:
            break
        node, line, keys = step
    return Trace(keys, line)


def _step_in_list(node: Any, keys: str) -> tuple[Any, int, str] | None:
    number, _, rest = keys[1:].partition("]")
    if not isinstance(node, yaml.SequenceNode) or not number.isdigit() or int(number) >= len(node.value):
        return None
    item = node.value[int(number)]
    return item, item.start_mark.line + 1, rest


def _step_in_mapping(node: Any, keys: str) -> tuple[Any, int, str] | None:
    """A key may hold dots itself, as a table's name does: the longest that fits is meant."""
    if not isinstance(node, yaml.MappingNode):
        return None
    fitting = [
        (key, value)
        for key, value in node.value
        if isinstance(key.value, str) and keys.startswith(key.value) and keys[len(key.value) :][:1] in ("", ".", "[")
    ]
    if not fitting:
        return None
    key, value = max(fitting, key=lambda pair: len(pair[0].value))
    return value, key.start_mark.line + 1, keys[len(key.value) :]
