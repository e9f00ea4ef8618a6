"""What a run that the schedule started leaves of itself: when it began and ended, as whom, with which exit code.

The agents set PILLAR9_SCHEDULED to the record's path. The scheduler's log lies beside it; launchd never rotates what it
appends to (newsyslog would need root), so the run that begins does.
"""

from __future__ import annotations

import os
import pwd
import signal
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path

import msgspec

from local import clock
from local.interrupt import Interrupted
from local.output import outlet
from local.store.durable import replace_file
from local.typed import from_json

VARIABLE = "PILLAR9_SCHEDULED"
LOG_LIMIT_BYTES = 5_000_000
# launchd bounds no run, and one that hangs would be the last: after this it is ended as Ctrl-C would end it.
DEADLINE_SECONDS = 12 * 3600
_STREAMS = (1, 2)
_FILE_MODE = 0o644


class _ThisProcess:
    """Whether the schedule began this process."""

    is_scheduled = False


class ScheduledRun(msgspec.Struct, frozen=True):
    """A run in its own words; one without an end was killed, or goes on."""

    command: str
    user: str
    pid: int
    started_time: str
    ended_time: str | None = None
    exit_code: int | None = None


def is_scheduled() -> bool:
    """Whether the schedule began this process; known once its command has begun."""
    return _ThisProcess.is_scheduled


def log_of(record: Path) -> Path:
    """Where the output of the runs goes whose record this is."""
    return record.with_name(f"{record.name.removesuffix('.json')}.log")


def user_name() -> str:
    """Who runs this process; the number where no account has it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def read_last(record: Path) -> ScheduledRun | None:
    """The last run of an agent; None where there was none, or what stands there is no record."""
    try:
        return from_json(record.read_bytes(), ScheduledRun)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def recorded(command: str, work: Callable[[], int], environment: MutableMapping[str, str]) -> int:
    """What `work` returns; where the schedule began this process, with its record and within its deadline."""
    path = environment.pop(VARIABLE, None)
    if not path:
        return work()
    _ThisProcess.is_scheduled = True
    record = Path(path)
    rotate(log_of(record))
    run = ScheduledRun(command, user_name(), os.getpid(), clock.timestamp(clock.now()))
    _keep(record, run)
    watchdog(DEADLINE_SECONDS)
    code = 1
    try:
        code = work()
    except Interrupted as interrupted:
        code = 128 + interrupted.number
        raise
    finally:
        _ThisProcess.is_scheduled = False
        ended = clock.timestamp(clock.now())
        _keep(record, msgspec.structs.replace(run, ended_time=ended, exit_code=code))
    return code


def rotate(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Where this process writes to `log` and it is longer, a new file takes its place; the old one stays as .1."""
    try:
        found = log.stat()
    except OSError:
        return
    own = [stream for stream in _STREAMS if _is_same(stream, found)]
    if not own or found.st_size <= limit_bytes:
        return
    try:
        log.replace(log.with_name(f"{log.name}.1"))
        fresh = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        outlet.stderr.line(f"✗ the log {log} could not be rotated: {error.strerror}")
        return
    for stream in own:
        os.dup2(fresh, stream)
    os.close(fresh)


def watchdog(seconds: float) -> None:
    """End this process as SIGTERM does if it is still there after so long; sleep of the machine does not count."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()


def _is_same(stream: int, found: os.stat_result) -> bool:
    try:
        own = os.fstat(stream)
    except OSError:
        return False
    return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)


def _keep(record: Path, run: ScheduledRun) -> None:
    """A record that cannot be written is told, and changes nothing."""
    try:
        record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(record, msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n", _FILE_MODE)
    except OSError as error:
        outlet.stderr.line(f"✗ the record of this run was not kept: {record}: {error.strerror}")
