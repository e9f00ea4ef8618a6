"""A configuration read along its types, piece by piece, so that every mistake is named by its key's path."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from local.errors import ConfigError

StructT = TypeVar("StructT", bound=msgspec.Struct)

# What a few aliases of YAML's make is more than a memory holds once it is written out.
_SHOWN = reprlib.Repr()
_SHOWN.maxlevel = 3
_SHOWN.maxstring = _SHOWN.maxother = 300
_SHOWN.maxlong = 60
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_WORDS: dict[object, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def mistake(path: str, value: object, allowed: str) -> ConfigError:
    """The one form of a configuration error: the key's path, its value, and what is allowed."""
    return ConfigError(_said(path), f"is {_SHOWN.repr(value)}", f"allowed: {allowed}")


def read_struct(mapping: Mapping[Any, Any], kind: type[StructT], path: str = "") -> StructT:
    """`mapping`, which stands at `path`, as the struct `kind`; ConfigError for the first mistake in it.

    Fields are structs, tuples and dicts of such, and single values, which msgspec converts. A union has at most one
    member of each shape. What is said to be allowed is the `description` in a type's msgspec.Meta.
    """
    hints = get_type_hints(kind, include_extras=True)
    for key in mapping:
        if key not in hints:
            raise _unknown_key(_join(path, key), key, hints)
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in mapping:
            raise ConfigError(_said(_join(path, field.name)), "is missing", "add it to invoke.yaml")
    return kind(**{key: read(item, hints[key], _join(path, key)) for key, item in mapping.items()})


def read(value: object, kind: Any, path: str) -> Any:
    """The same for a value of any type that a struct's field may have."""
    members = _members(kind)
    if value is None and NoneType in members:
        return None
    fitting = next((member for member in members if _fits(value, member)), None)
    if isinstance(value, Mapping) and fitting:
        return read_struct(value, fitting, path) if _is_struct(fitting) else _read_dict(value, fitting, path)
    if isinstance(value, list | tuple) and fitting:
        return tuple(read(item, get_args(fitting)[0], f"{path}[{index}]") for index, item in enumerate(value))
    if fitting is None:
        raise mistake(path, value, _allowed(kind))
    return _read_single(value, fitting, path, _allowed(kind))


def kind_at(kind: Any, keys: Sequence[object]) -> Any:
    """The type of what stands below these keys of a struct; None where nothing is known to stand there."""
    for key in keys:
        struct = next((member for member in _members(kind) if _is_struct(member)), None)
        kind = get_type_hints(struct, include_extras=True).get(str(key)) if struct else None
    return kind


def leaves(kind: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The keys that lead to each single value of a struct; lists and free mappings have none."""
    found = []
    for key, hint in get_type_hints(kind, include_extras=True).items():
        members = [member for member in _members(hint) if member is not NoneType]
        if _is_struct(members[0]):
            found += leaves(members[0], (*path, key))
        elif any(not _shape(member) for member in members):
            found.append((*path, key))
    return found


def read_text(text: str, kind: Any, keys: Sequence[str], doing: str) -> Any:
    """The value that stands as text for these keys of the struct `kind`: numbers and booleans as YAML writes them."""
    hint = kind_at(kind, keys)
    single = next(member for member in _members(hint) if member is not NoneType and not _shape(member))
    value: object = text
    base = get_args(single)[0] if get_origin(single) is Annotated else single
    if base is bool:
        value = _BOOLEANS.get(text.strip().lower(), text)
    elif base in (int, float):
        value = _number(text, base)
    try:
        read(value, hint, ".".join(keys))
    except ConfigError as error:
        raise ConfigError(doing, error.came_back, error.mend) from None
    # As YAML would have it: the configuration is read as a whole once all of it is there.
    return value


def _number(text: str, kind: type[int] | type[float]) -> object:
    try:
        return kind(text)
    except ValueError:
        return text


def _read_dict(value: Mapping[Any, Any], kind: Any, path: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise mistake(path, {key: value[key]}, f"keys that are text: put {key} in quotes")
    return {key: read(item, get_args(kind)[1], _join(path, key)) for key, item in value.items()}


def _read_single(value: object, kind: Any, path: str, allowed: str) -> Any:
    try:
        return msgspec.convert(value, kind, dec_hook=_expand_path)
    except (msgspec.ValidationError, OverflowError) as error:
        raise mistake(path, value, allowed) from error


def _expand_path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # ~somebody, who has no home here
        raise ValueError(value) from error


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _shape(kind: Any) -> str:
    if _is_struct(kind) or get_origin(kind) is dict:
        return "a mapping"
    return "a list" if get_origin(kind) is tuple else ""


def _fits(value: object, kind: Any) -> bool:
    if isinstance(value, Mapping):
        return _shape(kind) == "a mapping"
    return _shape(kind) == ("a list" if isinstance(value, list | tuple) else "")


def _allowed(kind: Any) -> str:
    """What a person may write there, in words."""
    return ", or ".join(_shape(member) or _words(member) for member in _members(kind) if member is not NoneType)


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(get_args(kind))
    if get_origin(kind) is Annotated:
        described = [meta.description for meta in get_args(kind)[1:] if meta.description]
        return described[0] if described else _words(get_args(kind)[0])
    return _WORDS[kind]


def _unknown_key(path: str, key: object, known: Mapping[str, object]) -> ConfigError:
    close = difflib.get_close_matches(str(key), known, n=1)
    mend = f"did you mean {close[0]}?" if close else f"known keys here: {', '.join(known)}"
    return ConfigError(_said(path), "is not a known key", mend)


def unknown_name(asked: str, name: str, known: Collection[str], where: str) -> ConfigError:
    """No database or volume of that name is `where` ("configured", "stored"): the one that may be meant, or all known.

    `asked` is the option or the command that was given the name.
    """
    close = difflib.get_close_matches(name, known, n=1)
    names = ", ".join(known) or "none"
    mend = f"did you mean {close[0]}? known: {names}" if close else f"known: {names}"
    return ConfigError(asked, f"no database or volume {name!r} is {where}", mend)


def _said(path: str) -> str:
    return f"configuration: {path}" if path else "configuration"


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
