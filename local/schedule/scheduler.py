"""What launchd and systemd are to those who use them: one small interface; and how their programs are run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from local.command_line.scheduled_run import VARIABLE as MARK
from local.errors import PillarError
from local.schedule.plan import Job
from local.store.durable import replace_file

_PROGRAM_SECONDS = 60
# launchd takes no file that others may write.
_FILE_MODE = 0o644


class Scheduler(Protocol):
    """The machine's scheduler, for one user. Every call but the first three raises PillarError where it refuses."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def files(self, job: Job) -> dict[Path, str]:
        """The files of a job's agent, whole; ConfigError where it could not start the job's program."""
        ...

    def environment(self, contents: Mapping[Path, str | None]) -> dict[str, str]:
        """The variables that an agent's files set; none where they are no agent's, or do not read."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What a person must know of when it does not run, and the command that mends it."""
        ...

    def ready(self) -> None:
        """Return where it can be asked to do something."""
        ...

    def loaded_from(self, label: str) -> Path | None:
        """The file from which the scheduler knows an agent; None where it knows none."""
        ...

    def stop(self, label: str) -> None:
        """The scheduler knows the agent no more when this returns; a run of it that goes on is ended."""
        ...

    def start(self, job: Job) -> None:
        """The scheduler runs the agent from its files, which are in place."""
        ...

    def forget(self) -> None:
        """The files of an agent that was stopped are gone."""
        ...


def is_ours(environment: Mapping[str, str]) -> bool:
    """Whether an agent with these variables is one that `schedule.install` made, of this checkout or another."""
    return MARK in environment


def run(command: Sequence[str], doing: str) -> subprocess.CompletedProcess[str]:
    """The finished process of one of the scheduler's programs; PillarError where there is no such program."""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PROGRAM_SECONDS)
    except FileNotFoundError:
        mend = "on macOS it is in /bin; on Linux install systemd, or have cron run invoke backup and invoke drill.due"
        raise PillarError(doing, f"there is no {command[0]} on PATH", mend) from None
    except subprocess.TimeoutExpired:
        told = f"{' '.join(command)} did not answer within {_PROGRAM_SECONDS} s"
        raise PillarError(doing, told, f"try it by hand: {' '.join(command)}") from None


def refused(done: subprocess.CompletedProcess[str], doing: str, mend: str) -> PillarError:
    """What one of the scheduler's programs answered, as our error."""
    told = " ".join((done.stderr or done.stdout).split()) or "it said nothing"
    return PillarError(doing, f"{' '.join(done.args)} ended with {done.returncode}: {told}", mend)


def write(path: Path, content: str) -> None:
    """The file appears whole or not at all, writable by its owner alone, as launchd demands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content.encode(), _FILE_MODE)


def scheduler_here(platform: str = sys.platform) -> Scheduler:
    """The scheduler of this system."""
    choose: Callable[[], Scheduler] = _launchd if platform == "darwin" else _systemd
    return choose()


def _launchd() -> Scheduler:
    from local.schedule.launchd import Launchd

    return Launchd(Path.home() / "Library" / "LaunchAgents", os.getuid())


def _systemd() -> Scheduler:
    from local.schedule.systemd import Systemd

    configured = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Systemd(Path(configured) / "systemd" / "user")
