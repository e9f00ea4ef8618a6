"""Errors that no command can catch: Invoke prints its lists, and reads its configuration, before it runs one."""

from __future__ import annotations

import atexit
import errno
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

from invoke.exceptions import AmbiguousEnvVar, UncastableEnvVar, UnknownFileType
from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings
from local.command_line import key_lines, settings_file
from local.errors import ConfigError, PillarError
from local.output import outlet
from local.output.screen import Screen
from local.validation import mistake

READER_GONE = 141  # as for a program that SIGPIPE ends: 128 and the signal's number

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)
ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]
_READING = "configuration: read invoke.yaml, ~/.invoke.yaml and the INVOKE_* variables"
_MEND = "mend invoke.yaml, ~/.invoke.yaml or INVOKE_*"


def install() -> None:
    """Tell mistakes in the configuration as such, and end quietly when whoever read the output is gone."""
    sys.excepthook = partial(_tell, sys.excepthook)
    atexit.register(outlet.close_all)


def _tell(
    otherwise: ExceptHook, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> object:
    if not isinstance(error, Exception):
        return otherwise(kind, error, trace)
    if isinstance(error, BrokenPipeError) and _discard_unread_output():
        raise SystemExit(READER_GONE)
    found = error if isinstance(error, PillarError) else _output_error(error) or _configuration_error(error, trace)
    if found is None:
        return otherwise(kind, error, trace)
    # No command has begun that could know.
    Screen(json="--json" in sys.argv).error(found)
    raise SystemExit(found.exit_code)


def _configuration_error(error: Exception, trace: TracebackType | None) -> ConfigError | None:
    """What Invoke could not read or merge, as our error; None if something else went wrong."""
    loads = [frame.f_locals["path"] for frame, _ in walk_tb(trace) if frame.f_code.co_name == "_load_yaml"]
    if loads:
        return settings_file.explain(str(loads[-1]), error)
    if isinstance(error, yaml.YAMLError | AmbiguousEnvVar | UncastableEnvVar | UnknownFileType):
        return ConfigError(_READING, str(error), _MEND)
    if isinstance(error, RecursionError) and error.__traceback__:
        return ConfigError(_READING, "it is nested without end, or too deeply", _MEND)
    merges = [frame.f_locals for frame, _ in walk_tb(trace) if frame.f_code.co_name == "merge_dicts"]
    if merges:
        levels = [str(frame.f_locals["path"]) for frame, _ in walk_tb(trace) if frame.f_code.co_name == "_merge_file"]
        return _merge_error(error, merges, levels[-1] if levels else "")
    files = [frame.f_locals for frame, _ in walk_tb(trace) if frame.f_code.co_name == "_load_file"]
    if files and "filepath" in files[-1]:
        told = f"{type(error).__name__}: {error}"
        return ConfigError(f"configuration: read {files[-1]['filepath']}", told, "mend that file")
    if isinstance(error, TypeError) and any(_reads_configuration(frame) for frame, _ in walk_tb(trace)):
        return ConfigError(_READING, f"a key is no text ({error})", _MEND)
    return None


def _reads_configuration(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") in ("invoke.config", "invoke.env")


def _output_error(error: BaseException) -> PillarError | None:
    """Invoke's own lists on a full disk, or a terminal that is gone; None if something else went wrong."""
    if not isinstance(error, OSError) or error.filename is not None or error.errno not in _UNWRITABLE:
        return None
    return PillarError("stdout", f"cannot be written: {error.strerror}")


def _merge_error(error: BaseException, merges: list[dict[str, Any]], file: str) -> ConfigError:
    """A mapping that meets something else on another level: Invoke tells the values, its frames also the key.

    `file` is that of the level which was being laid over those below it.
    """
    innermost = merges[-1]
    if not isinstance(innermost["updates"], dict):
        return mistake("", innermost["updates"], "a mapping")
    keys = [merge["key"] for merge in merges]
    try:
        settings.check_shape(keys, innermost["value"])
    except ConfigError as found:
        line = key_lines.follow(Path(file), ".".join(map(str, keys))).line
        place = f" (line {line} of {file})" if line else ""
        return ConfigError(f"{found.doing}{place}", found.came_back, found.mend)
    try:
        settings.check_shape(keys, innermost["base"][keys[-1]])
    except ConfigError as found:
        return found
    return ConfigError(f"configuration: {'.'.join(map(str, keys))}", str(error), _MEND)


def _discard_unread_output() -> bool:
    """Send what nobody reads any more to nowhere, also at the interpreter's last flush; whether there was such."""
    unread = [each for each in (outlet.stdout, outlet.stderr) if each.is_unread()]
    for each in unread:
        each.close()
    return bool(unread)
