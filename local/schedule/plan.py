"""What is to stand on this machine for a configuration, and how that differs from what stands there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from local.schedule.times import HOUR_MINUTES, times_of
from local.settings import ScheduleSettings

BACKUP = "azure-db-backup"
DRILL = "sqlite-restore-drill"
# When people are there who can mend what it finds, and no backup begins (they begin at full divisors of the hour).
_DRILL_TIME = 9 * HOUR_MINUTES + 23

AgentState = Literal["ok", "missing", "differs", "stopped", "foreign", "unknown"]


@dataclass(frozen=True)
class Installation:
    """This installation's `invoke`, the folder of its tasks.py, the settings file in force, where logs and records go,
    and the variables that the scheduled runs get; all paths are absolute, and nothing of it is a secret.
    """

    invoke: Path
    checkout: Path
    settings_file: Path | None
    logs: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """One command at times of the day (minutes since midnight), under a label; `record` is what its last run leaves."""

    label: str
    description: str
    arguments: tuple[str, ...]
    times: tuple[int, ...]
    checkout: Path
    record: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class FoundAgent:
    """What stands under a label: its files (None where there is none), whether one of our runs is what they start.

    `loaded` is whether the scheduler knows it (None: it could not be asked, and `trouble` says why), `elsewhere` the
    file from which it does, where that is none of ours.
    """

    contents: Mapping[Path, str | None]
    ours: bool
    loaded: bool | None
    elsewhere: str | None = None
    trouble: str | None = None

    @property
    def present(self) -> bool:
        """Whether any of its files is there."""
        return any(content is not None for content in self.contents.values())


def jobs(schedule: ScheduleSettings, installation: Installation) -> tuple[Job, Job]:
    """The backup, and the month's drill, which is asked for every day and decides by itself."""
    return (
        _job(schedule.label, BACKUP, "backup", times_of(schedule.every_minutes), installation),
        _job(schedule.label, DRILL, "drill.due", (_DRILL_TIME,), installation),
    )


def judge(wanted: Mapping[Path, str], found: FoundAgent) -> AgentState:
    """How what stands there differs from what is to stand there."""
    if found.elsewhere or (found.present and not found.ours):
        return "foreign"
    if not found.present:
        return "missing"
    if dict(found.contents) != dict(wanted):
        return "differs"
    if found.loaded is None:
        return "unknown"
    return "ok" if found.loaded else "stopped"


def diff(path: Path, found: str | None, wanted: str) -> str:
    """What changes in a file, as `diff -u` writes it; the whole file where there is none yet, "" where nothing does."""
    before = "" if found is None else found
    named = ("/dev/null" if found is None else str(path), str(path))
    lines = difflib.unified_diff(before.splitlines(), wanted.splitlines(), *named, lineterm="")
    return "\n".join(lines)


def _job(prefix: str, name: str, command: str, times: tuple[int, ...], installation: Installation) -> Job:
    label = f"{prefix}.{name}"
    settings = ("-f", str(installation.settings_file)) if installation.settings_file else ()
    return Job(
        label=label,
        description=f"Pillar #9: invoke {command}",
        arguments=(str(installation.invoke), *settings, command),
        times=times,
        checkout=installation.checkout,
        record=installation.logs / f"{label}.json",
        environment=installation.environment,
    )
