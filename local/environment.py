"""INVOKE_* variables for our own keys, read by the type of the key.

Invoke would read them by the value that they override: any text but "0" is true, and 7.5 in the place of 5 is a
traceback. So they are taken out of the environment before it looks, and put in place where it would have: above the
files beside tasks.py and in the home folder, below `invoke -f FILE`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any

from local.errors import ConfigError
from local.validation import leaves, read_text

PREFIX = "INVOKE_"
# Beside its configuration's own keys, Invoke reads these.
_RUNTIME_CONFIG = f"{PREFIX}RUNTIME_CONFIG"
_INVOKES_OWN = (_RUNTIME_CONFIG, f"{PREFIX}DEBUG")
_ALIKE = 0.75


def take(environment: MutableMapping[str, str], kind: Any, foreign: Collection[str]) -> dict[str, str]:
    """Remove the variables that are ours, or are meant to be, and return them; `foreign` are Invoke's own keys."""
    sections = tuple(f"{PREFIX}{key.upper()}" for key in kind.__struct_fields__)
    alike = (*variables(kind), *sections, _RUNTIME_CONFIG)
    found = {
        name: value
        for name, value in environment.items()
        if name.startswith(PREFIX)
        and not _is_invokes(name, foreign)
        and (name.startswith(sections) or difflib.get_close_matches(name, alike, 1, _ALIKE))
    }
    for name in found:
        del environment[name]
    return found


def _is_invokes(name: str, foreign: Collection[str]) -> bool:
    keys = tuple(f"{PREFIX}{key.upper()}" for key in foreign)
    return name in (*keys, *_INVOKES_OWN) or name.startswith(tuple(f"{key}_" for key in keys))


def variables(kind: Any) -> dict[str, tuple[str, ...]]:
    """The keys that each variable sets, by its name."""
    return {PREFIX + "_".join(keys).upper(): keys for keys in leaves(kind)}


def overlay(config: dict[str, Any], taken: Mapping[str, str], kind: Any, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with these variables in it, except where `runtime`, which is above them, has a value.

    Raises ConfigError for a variable of no known key, and for a value that its key does not take.
    """
    known = variables(kind)
    for name, text in taken.items():
        if name not in known:
            raise _unknown(name, known)
        keys = known[name]
        value = read_text(text, kind, keys, f"environment: {name}")
        if not has(runtime, keys):
            config = _with(config, keys, value)
    return config


def _unknown(name: str, known: Mapping[str, object]) -> ConfigError:
    close = difflib.get_close_matches(name, [*known, _RUNTIME_CONFIG], 1)
    if name.startswith(f"{PREFIX}DATABASES"):
        mend = "a variable holds no list: name the databases in a file (invoke -f FILE)"
    else:
        mend = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return ConfigError(f"environment: {name}", "sets no known key", mend)


def has(mapping: object, keys: tuple[str, ...]) -> bool:
    """Whether a value stands below these keys."""
    for key in keys:
        if not isinstance(mapping, Mapping) or key not in mapping:
            return False
        mapping = mapping[key]
    return True


def _with(config: Any, keys: tuple[str, ...], value: object) -> dict[str, Any]:
    """A copy with the value there; what is no mapping stays, for the validation to tell."""
    if not isinstance(config, dict):
        return config  # type: ignore[no-any-return]
    key, *rest = keys
    inner = _with(config.get(key, {}), tuple(rest), value) if rest else value
    return {**config, key: inner}
