"""Errors that no command can catch: Invoke prints its lists, and reads its configuration, before it runs one."""

from __future__ import annotations

import atexit
import os
import select
import sys
from traceback import walk_tb
from types import TracebackType
from typing import Any, TextIO

from invoke.exceptions import AmbiguousEnvVar, UncastableEnvVar, UnknownFileType
from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings
from local.errors import ConfigError
from local.output.screen import Screen
from local.validation import mistake

READER_GONE = 141  # as for a program that SIGPIPE ends: 128 and the signal's number

_MEND = "mend invoke.yaml, ~/.invoke.yaml or INVOKE_*"


def install() -> None:
    """Tell mistakes in the configuration as such, and end quietly when whoever read the output is gone."""
    sys.excepthook = _tell
    atexit.register(_flush)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, BrokenPipeError) and _discard_unread_output():
        raise SystemExit(READER_GONE)
    found = _configuration_error(error, trace)
    if found is None:
        return sys.__excepthook__(kind, error, trace)
    Screen().error(found)
    raise SystemExit(found.exit_code)


def _configuration_error(error: BaseException, trace: TracebackType | None) -> ConfigError | None:
    """What Invoke could not read or merge, as our error; None if something else went wrong."""
    if isinstance(error, yaml.YAMLError | AmbiguousEnvVar | UncastableEnvVar | UnknownFileType):
        return ConfigError("configuration: read it", str(error), _MEND)
    merges = [frame.f_locals for frame, _ in walk_tb(trace) if frame.f_code.co_name == "merge_dicts"]
    return _merge_error(error, merges) if merges else None


def _merge_error(error: BaseException, merges: list[dict[str, Any]]) -> ConfigError:
    """A mapping that meets something else on another level: Invoke tells the values, its frames also the key."""
    innermost = merges[-1]
    if not isinstance(innermost["updates"], dict):
        return mistake("", innermost["updates"], "a mapping")
    keys = [merge["key"] for merge in merges]
    mapping, other = innermost["value"], innermost["base"][keys[-1]]
    if not isinstance(mapping, dict):
        mapping, other = other, mapping
    try:
        settings.check_shape(keys, other)
        settings.check_shape(keys, mapping)
    except ConfigError as found:
        return found
    return ConfigError(f"configuration: {'.'.join(map(str, keys))}", str(error), _MEND)


def _discard_unread_output() -> bool:
    """Send what nobody reads any more to nowhere, also at the interpreter's last flush; whether there was such."""
    unread = [stream for stream in _streams() if _reader_is_gone(stream)]
    for stream in unread:
        _discard(stream)
    return bool(unread)


def _streams() -> list[TextIO]:
    """Both output streams; one that was closed before the start is None."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream]


def _reader_is_gone(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _discard(stream: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def _flush() -> None:
    """The last flush, in which the interpreter itself would tell a broken pipe."""
    for stream in _streams():
        try:
            stream.flush()
        except BrokenPipeError:
            _discard(stream)
