"""The agents as people read them."""

from __future__ import annotations

from datetime import datetime

from local.events import Watch
from local.output.screen import Screen
from local.schedule.report import ScheduledAgent, ScheduleReport

_SAID = {
    "ok": "installed",
    "missing": "is not there",
    "differs": "differs from what would be installed",
    "stopped": "its files are there, and it is not started",
    "unknown": "its files are there; the scheduler could not be asked",
    "foreign": "is there and does not run this tool",
}


def telling(screen: Screen) -> Watch:
    """A line for each thing that is done: none takes long enough for a bar."""
    return lambda event: screen.say(f"{event.subject}: {event.text}", "yellow" if event.lasting else "")


def show(screen: Screen, found: ScheduleReport) -> None:
    """Each agent in two lines, then what to know and the verdict."""
    for agent in found.agents:
        screen.say(f"{agent.label}: {_SAID[agent.state]}", "green" if agent.installed else "bold red")
        screen.quote(f"  file      {agent.file}")
        screen.quote(f"  {'runs     ' if agent.installed else 'would run'} {agent.command}")
        screen.say(f"  next      {_local(agent.due) or '–'}")
        screen.say(f"  last run  {_last(agent)}")
        for line in _difference(agent):
            screen.quote(f"  {line}")
    _notes(screen, found)
    wrong = [agent.label for agent in found.agents if not agent.installed]
    if wrong:
        screen.say(
            f"schedule FAILED: {', '.join(wrong)}: invoke schedule.install --check shows what differs", "bold red"
        )
        return
    screen.say(f"schedule ok: both agents are with {found.schedule.scheduler}", "green")


def install(screen: Screen, found: ScheduleReport) -> None:
    """What changes in each file, the credential, what to know, and the verdict last."""
    done = found.schedule
    if done.check:
        screen.say("check: nothing is changed")
    for agent in found.agents:
        for file in agent.files:
            for line in file.diff.splitlines() if done.check else ():
                screen.quote(line)
        screen.say(f"{agent.label}: {_SAID[agent.state]}{_next(agent)}")
    if done.credential:
        screen.say(f"credential of the scheduled runs: {done.credential}")
    _notes(screen, found)
    screen.say(_ending(found), "green")


def remove(screen: Screen, found: ScheduleReport) -> None:
    """What is gone, what stays, and the verdict last."""
    done = found.schedule
    if done.check:
        screen.say("check: nothing is changed")
        for agent in found.agents:
            goes = agent.state not in ("missing", "foreign")
            for file in agent.files if goes else ():
                screen.say(f"{agent.label}: would go: {file.file}")
    _notes(screen, found)
    what = "nothing of ours is there" if done.verdict == "ok" else "the agents are gone; logs and records stay"
    screen.say(f"check: nothing was changed; {_plan(found)}" if done.check else f"schedule: {what}", "green")


def _plan(found: ScheduleReport) -> str:
    return "nothing would change" if found.schedule.verdict == "ok" else "what would change stands above"


def _ending(found: ScheduleReport) -> str:
    if found.schedule.check:
        return f"check: nothing was changed; {_plan(found)}"
    if found.schedule.verdict == "ok":
        return "schedule ok: both agents are installed already; nothing was changed"
    return f"schedule changed: both agents are with {found.schedule.scheduler}; see: invoke schedule.show"


def _notes(screen: Screen, found: ScheduleReport) -> None:
    for note in found.schedule.notes:
        screen.say(note, "yellow")


def _difference(agent: ScheduledAgent) -> list[str]:
    """What stands there and what an install would put in its place; nothing of one that is not there at all."""
    if agent.state not in ("differs", "foreign"):
        return []
    return [line for file in agent.files for line in file.diff.splitlines()]


def _next(agent: ScheduledAgent) -> str:
    return f", next run {_local(agent.due)}" if agent.due else ""


def _local(moment: str | None) -> str:
    """A moment on the clock on the wall, by which the schedule goes."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M %Z}" if moment else ""


def _last(agent: ScheduledAgent) -> str:
    if agent.last_run is None:
        return "none that left a record"
    if agent.last_exit_code is None:
        return f"{_local(agent.last_run)}, which goes on, or was killed"
    return f"{_local(agent.last_run)}, exit code {agent.last_exit_code}"
