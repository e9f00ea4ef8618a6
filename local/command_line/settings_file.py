"""The FILE of settings that a user names with -f or INVOKE_RUNTIME_CONFIG, looked at before Invoke looks for it.

Invoke takes one that is not there for none, or even for found, and goes on with the deployment beside tasks.py.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from invoke.collection import Collection
from invoke.config import Config
from invoke.exceptions import ParseError
from invoke.program import Program
from invoke.util import yaml  # type: ignore[attr-defined]

from local.errors import ConfigError

VARIABLE = "INVOKE_RUNTIME_CONFIG"
# Those that Invoke reads (invoke.config.Config); anything else is a traceback there.
_SUFFIXES = (".yaml", ".yml", ".json", ".py")
_NO_FILE = "correct the path, or write one with: invoke init --to {path}"


def given(argv: Sequence[str], commands: Collection, environment: Mapping[str, str]) -> str | None:
    """The FILE that this command line or environment names, as Invoke's own parser understands it; None if neither.

    A command line that Invoke refuses names none: it ends before any file is read.
    """
    program = Program()
    program.argv = list(argv)
    program.config = Config(lazy=True)
    program.collection = commands
    try:
        program.parse_core_args()
        program.parse_tasks()
    except ParseError:
        return None
    named: str | None = program.args.config.value
    return environment.get(VARIABLE) if named is None else named


def check(named: str) -> None:
    """Return where `named` is a file that holds a mapping; a .py file is not run for that.

    Raises ConfigError (what is wrong, and where in the file).
    """
    check_there(named)
    path = _path(named)
    if path.suffix not in _SUFFIXES:
        raise _wrong(named, "its name tells no format", f"let it end in one of: {' '.join(_SUFFIXES)}")
    if path.suffix == ".py":
        return
    content = _content(named, path)
    if content is None:
        raise _wrong(named, "it is empty", "name databases and store.url in it, as invoke init does")
    if not isinstance(content, Mapping):
        raise _wrong(named, f"it holds no keys with values, but a {type(content).__name__}", "write it as key: value")


def check_there(named: str) -> None:
    """Return where `named` is a regular file, ConfigError otherwise."""
    if not named:
        raise ConfigError("configuration: read the FILE of -f or INVOKE_RUNTIME_CONFIG", "its name is empty", "name it")
    path = _path(named)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _wrong(named, "there is no such file", _NO_FILE.format(path=quote(named))) from error
    except OSError as error:
        raise _wrong(named, error.strerror or str(error), f"look at it: ls -ld {quote(str(path))}") from error
    if not stat.S_ISREG(mode):
        kind = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
        raise _wrong(named, kind, "name the file of settings itself")


def explain(named: str, error: Exception) -> ConfigError:
    """What the reading of a file of settings raised, with the line where that is known."""
    if isinstance(error, OSError):
        return _wrong(named, error.strerror or str(error), f"look at it: ls -ld {quote(str(_path(named)))}")
    if isinstance(error, RecursionError):
        return _wrong(named, "it is nested without end, or too deeply", "mend that file")
    if isinstance(error, UnicodeError):
        return _wrong(named, "it is no text in this machine's encoding", "save it as UTF-8")
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _wrong(named, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", "mend that file")
    told = ", ".join(filter(None, (error.context, error.problem)))  # type: ignore[attr-defined]
    return _wrong(named, f"line {mark.line + 1}, column {mark.column + 1}: {told}"[:400], "mend that line")


def _content(named: str, path: Path) -> Any:
    try:
        with path.open() as file:
            return json.load(file) if path.suffix == ".json" else yaml.safe_load(file)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise explain(named, error) from error


def _path(named: str) -> Path:
    """As Invoke expands it: ~nobody stays as it is, and is not there."""
    return Path(os.path.expanduser(named))  # noqa: PTH111 - Path.expanduser raises


def _wrong(named: str, came_back: str, mend: str) -> ConfigError:
    return ConfigError(f"configuration: read {named}", came_back, mend)
