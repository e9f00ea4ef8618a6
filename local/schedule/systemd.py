"""User timers of systemd: their units, after systemd.timer(5) and systemd.service(5), and the calls of systemctl(1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.command_line.scheduled_run import DEADLINE_SECONDS, user_name
from local.errors import ConfigError, PillarError
from local.schedule.plan import Job
from local.schedule.scheduler import refused, run
from local.schedule.times import HOUR_MINUTES, is_each_hour

_NICE = 10
# A oneshot service has none of its own, and one that hangs stops its timer for good. A run ends itself before.
_START_SECONDS = DEADLINE_SECONDS + 600
_HELD = 75  # another run holds the lock: no failure
_REFUSED = re.compile(r"""["'\\]""")
_ENVIRONMENT = re.compile(r'^Environment="(.*)"$', re.MULTILINE)


@dataclass(frozen=True)
class Systemd:
    """The units in a user's folder, under that user's own manager."""

    folder: Path
    name: str = "systemd"

    def files(self, job: Job) -> dict[Path, str]:
        """The service, and the timer that starts it."""
        return {self._file(job.label, "service"): service(job), self._file(job.label, "timer"): timer(job)}

    def environment(self, contents: Mapping[Path, str | None]) -> dict[str, str]:
        """The Environment= lines of the service, as `service` writes them."""
        lines = (line for content in filter(None, contents.values()) for line in _ENVIRONMENT.findall(content))
        pairs = (_unquoted(line).partition("=") for line in lines)
        return {name: value for name, _, value in pairs}

    def notes(self) -> tuple[str, ...]:
        """Where lingering is off, what that means."""
        doing, user = "systemd: look whether lingering is on", user_name()
        try:
            done = run(["loginctl", "show-user", user, "--property=Linger", "--value"], doing)
        except PillarError as error:
            return (f"whether these run while nobody is logged in could not be told: {error}",)
        if done.returncode:
            told = " ".join(done.stderr.split())
            return (f"whether these run while nobody is logged in could not be told: loginctl says: {told}",)
        if done.stdout.strip() == "yes":
            return ()
        return (f"lingering is off, so these run only while {user} is logged in: loginctl enable-linger {user}",)

    def ready(self) -> None:
        """Raise PillarError where there is no user manager."""
        doing = "systemd: reach your user manager"
        done = run(["systemctl", "--user", "show-environment"], doing)
        if done.returncode:
            mend = (
                f"log in as {user_name()} by ssh or at the screen (su and sudo start no user manager), or run: "
                f"loginctl enable-linger {user_name()}; then try: systemctl --user status"
            )
            raise refused(done, doing, mend)

    def loaded_from(self, label: str) -> Path | None:
        """The timer's file, where the timer is waiting."""
        shown = ["systemctl", "--user", "show", f"{label}.timer", "--property=ActiveState,FragmentPath"]
        done = run(shown, f"systemd: look at {label}")
        if done.returncode:
            raise refused(done, f"systemd: look at {label}", "try: systemctl --user status")
        told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        if told.get("ActiveState") != "active":
            return None
        return Path(told["FragmentPath"]) if told.get("FragmentPath") else self._file(label, "timer")

    def stop(self, label: str) -> None:
        """Disable the timer, and end a run that goes on."""
        for command in (["disable", "--now", f"{label}.timer"], ["stop", f"{label}.service"]):
            self._call(command, f"systemd: stop {label}")

    def start(self, job: Job) -> None:
        """Enable and start the timer, now and at each login."""
        doing = f"systemd: start {job.label}"
        self._call(["daemon-reload"], doing)
        self._call(["enable", f"{job.label}.timer"], doing)
        self._call(["restart", f"{job.label}.timer"], doing)

    def forget(self) -> None:
        """Read the folder again."""
        self._call(["daemon-reload"], "systemd: read the units again")

    def _call(self, arguments: list[str], doing: str) -> None:
        done = run(["systemctl", "--user", *arguments], doing)
        if done.returncode:
            raise refused(done, doing, "look at it: systemctl --user status; then run the same command again")

    def _file(self, label: str, kind: str) -> Path:
        return self.folder / f"{label}.{kind}"


def service(job: Job) -> str:
    """One run; ConfigError where systemd could not start its program.

    Its output goes to the journal, which rotates by itself: journalctl --user -u LABEL.
    """
    environment = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in job.environment.items())
    program = job.arguments[0]
    if _REFUSED.search(program):
        told = f"{program} holds a quote or a backslash, and systemd starts no program of such a name"
        raise ConfigError("systemd: write the unit", told, "move the checkout to another folder")
    # With the colon, no $ is a variable.
    command = " ".join(_quoted(argument) for argument in job.arguments)
    return (
        f"[Unit]\nDescription={job.description}\n\n"
        f"[Service]\nType=oneshot\nExecStart=:{command}\nWorkingDirectory={_specified(str(job.checkout))}\n{environment}"
        f"SuccessExitStatus={_HELD}\nTimeoutStartSec={_START_SECONDS}\n"
        f"Nice={_NICE}\nIOSchedulingClass=idle\n"
    )


def timer(job: Job) -> str:
    """When; Persistent makes up for what was missed while the machine was off, or nobody logged in."""
    times = "".join(f"OnCalendar={each}\n" for each in calendar_times(job.times))
    unit = f"[Unit]\nDescription={job.description}\n\n[Timer]\n{times}Persistent=true\n"
    return f"{unit}\n[Install]\nWantedBy=timers.target\n"


def calendar_times(times: tuple[int, ...]) -> list[str]:
    """The times of a day as systemd.time(7) writes them, on the clock on the wall."""
    if is_each_hour(times):
        minutes = sorted({each % HOUR_MINUTES for each in times})
        return [f"*-*-* *:{','.join(f'{minute:02}' for minute in minutes)}:00"]
    hours: dict[int, list[str]] = {}
    for each in times:
        hours.setdefault(each % HOUR_MINUTES, []).append(f"{each // HOUR_MINUTES:02}")
    return [f"*-*-* {','.join(of_minute)}:{minute:02}:00" for minute, of_minute in sorted(hours.items())]


def _specified(text: str) -> str:
    """Text in which a % is no specifier."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = _specified(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace("%%", "%")
