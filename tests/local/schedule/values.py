"""Jobs and installations as plain values."""

from __future__ import annotations

from pathlib import Path

from local.schedule.plan import Installation, Job, jobs
from local.settings import DrillScheduleSettings, ScheduleSettings

EVERY = ("5m", "6m", "15m", "30m", "40m", "1h", "90m", "4h", "480m", "24h")


def installation(folder: Path = Path("/opt/pillar 9"), **environment: str) -> Installation:
    return Installation(
        invoke=folder / ".venv/bin/invoke",
        checkout=folder,
        settings_file=folder / "mine é.yaml",
        logs=folder / "logs",
        environment={"PATH": "/usr/bin:/bin", **environment},
    )


def both(every: str = "4h", here: Installation | None = None, label: str = "com.alai") -> tuple[Job, Job]:
    schedule = ScheduleSettings(label=label, every=every, drill=DrillScheduleSettings())
    return jobs(schedule, here or installation())
