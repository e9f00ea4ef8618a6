"""Agents of launchd: their property lists, after launchd.plist(5), and the calls of launchctl(1)."""

from __future__ import annotations

import plistlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from local.command_line.scheduled_run import log_of
from local.schedule.plan import Job
from local.schedule.scheduler import refused, run
from local.schedule.times import HOUR_MINUTES, is_each_hour

_NICE = 10
# launchd gives a process that is to end 20 s; a bootout returns before that (launchctl(1)).
_PATIENCE_SECONDS = 40.0
_POLL_SECONDS = 0.25
_IO_ERROR = 5  # what a bootstrap answers while the former agent of the label is still going
_FROM = re.compile(r"^\s*path = (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Launchd:
    """launchd's agents in a user's folder, in the session in which that user is logged in at the screen."""

    folder: Path
    uid: int
    name: str = "launchd"

    def files(self, job: Job) -> dict[Path, str]:
        """One property list."""
        return {self._file(job.label): plistlib.dumps(property_list(job), sort_keys=False).decode()}

    def environment(self, contents: Mapping[Path, str | None]) -> dict[str, str]:
        """EnvironmentVariables of the property list."""
        found: dict[str, str] = {}
        for content in filter(None, contents.values()):
            try:
                variables = plistlib.loads(content.encode()).get("EnvironmentVariables", {})
                found |= {str(name): str(value) for name, value in variables.items()}
            except (plistlib.InvalidFileException, ExpatError, ValueError, AttributeError):
                continue
        return found

    def notes(self) -> tuple[str, ...]:
        """Agents run while their user is logged in."""
        return ("launchd runs these while you are logged in; what was missed is made up for on wake, or at the login",)

    def ready(self) -> None:
        """Raise PillarError where there is no session."""
        done = run(["launchctl", "print", self._domain], "launchd: look at your session")
        if done.returncode:
            mend = "log in at this Mac's screen (an ssh session is not enough), then try again"
            raise refused(done, "launchd: look at your session", mend)

    def loaded_from(self, label: str) -> Path | None:
        """As `launchctl print` tells."""
        done = run(["launchctl", "print", f"{self._domain}/{label}"], f"launchd: look at {label}")
        if done.returncode:
            return None
        told = _FROM.search(done.stdout)
        return Path(told[1].strip()) if told else self._file(label)

    def stop(self, label: str) -> None:
        """Boot the agent out, and wait until launchd knows it no more."""
        target = f"{self._domain}/{label}"
        done = run(["launchctl", "bootout", target], f"launchd: stop {label}")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.loaded_from(label) is not None:
            if time.monotonic() > deadline:
                raise refused(done, f"launchd: stop {label}", f"look at it: launchctl print {target}")
            time.sleep(_POLL_SECONDS)

    def start(self, job: Job) -> None:
        """Enable and bootstrap the agent; launchd runs it at once."""
        doing, path = f"launchd: start {job.label}", self._file(job.label)
        # One that somebody disabled answers the bootstrap with an I/O error too.
        run(["launchctl", "enable", f"{self._domain}/{job.label}"], doing)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (done := run(["launchctl", "bootstrap", self._domain, str(path)], doing)).returncode:
            if done.returncode != _IO_ERROR or time.monotonic() > deadline:
                raise refused(done, doing, f"look at it: plutil -lint '{path}'; then run the same command again")
            time.sleep(_POLL_SECONDS)

    def forget(self) -> None:
        """launchd looks at the folder at the next login only."""

    @property
    def _domain(self) -> str:
        return f"gui/{self.uid}"

    def _file(self, label: str) -> Path:
        return self.folder / f"{label}.plist"


def property_list(job: Job) -> dict[str, Any]:
    """The agent of a job, with launchd.plist(5)'s keys.

    StartCalendarInterval makes up on wake for what was slept through, RunAtLoad at the login for what was missed while
    the machine was off.
    """
    log = str(log_of(job.record))
    return {
        "Label": job.label,
        "ProgramArguments": list(job.arguments),
        "WorkingDirectory": str(job.checkout),
        "EnvironmentVariables": dict(job.environment),
        "StartCalendarInterval": calendar_intervals(job.times),
        "RunAtLoad": True,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Nice": _NICE,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }


def calendar_intervals(times: tuple[int, ...]) -> list[dict[str, int]]:
    """The times of a day; one without an hour is every hour's, and the minute is never left out: that means each."""
    if is_each_hour(times):
        return [{"Minute": minute} for minute in sorted({each % HOUR_MINUTES for each in times})]
    return [{"Hour": each // HOUR_MINUTES, "Minute": each % HOUR_MINUTES} for each in times]
