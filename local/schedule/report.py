"""The `--json` document of `schedule.install`, `.show` and `.remove`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from local import clock
from local.command_line.scheduled_run import read_last
from local.errors import PillarError
from local.report import Document
from local.schedule.agents import Agent
from local.schedule.plan import AgentState, diff
from local.schedule.scheduler import Scheduler
from local.schedule.times import next_time

ScheduleVerdict = Literal["ok", "changed", "failed"]


class AgentFile(msgspec.Struct, frozen=True):
    """One of an agent's files, and what an install changes in it, as `diff -u` writes it; "": nothing."""

    file: str
    diff: str


class ScheduledAgent(msgspec.Struct, frozen=True):
    """One agent: whether it is there as it is to be, when it runs next, and what its last run said of itself."""

    label: str
    file: str
    installed: bool
    due: str | None
    last_run: str | None
    last_run_ended_time: str | None
    last_exit_code: int | None
    state: AgentState
    command: str
    files: tuple[AgentFile, ...]


class Schedule(msgspec.Struct, frozen=True):
    """The whole: `changed` where something was (`check`: would be), `failed` where an agent is not as it should be."""

    verdict: ScheduleVerdict
    check: bool
    scheduler: str
    credential: str | None = None
    notes: tuple[str, ...] = ()


class ScheduleReport(Document, frozen=True):
    """The document."""

    schedule: Schedule
    agents: tuple[ScheduledAgent, ...]


def report(agents: Sequence[Agent], schedule: Schedule) -> ScheduleReport:
    """The agents as they are now, under what is said of the whole."""
    now = clock.now()
    return ScheduleReport(schedule, tuple(describe(agent, now) for agent in agents))


def planned(agents: Sequence[Agent], scheduler: Scheduler, credential: str, notes: Sequence[str]) -> Schedule:
    """What `schedule.install --check` says: whether an install would change anything."""
    changes = any(agent.state != "ok" for agent in agents)
    return Schedule("changed" if changes else "ok", True, scheduler.name, credential, (*notes, *_troubles(agents)))


def removal(agents: Sequence[Agent], scheduler: Scheduler) -> Schedule:
    """What `schedule.remove --check` says: whether there is anything of ours."""
    there = any(agent.state not in ("missing", "foreign") for agent in agents)
    return Schedule("changed" if there else "ok", True, scheduler.name, None, _troubles(agents))


def done(scheduler: Scheduler, changed: bool, notes: Sequence[str] = (), credential: str | None = None) -> Schedule:
    """What a change says when it is done."""
    return Schedule("changed" if changed else "ok", False, scheduler.name, credential, tuple(notes))


def shown(agents: Sequence[Agent], scheduler: Scheduler) -> Schedule:
    """What `schedule.show` says: failed unless each agent is there, and as it would be installed."""
    whole = all(agent.state == "ok" for agent in agents)
    notes = (*scheduler.notes(), *_troubles(agents))
    return Schedule("ok" if whole else "failed", False, scheduler.name, None, notes)


def would_be_refused(error: PillarError | None) -> tuple[str, ...]:
    """The refusal that an install without --check would meet, as a note."""
    return (f"it would be refused: {error}; {error.mend}",) if error else ()


def describe(agent: Agent, now: datetime) -> ScheduledAgent:
    """An agent as documents show it."""
    state = agent.state
    last = read_last(agent.job.record)
    files = tuple(
        AgentFile(str(path), diff(path, agent.found.contents[path], content)) for path, content in agent.wanted.items()
    )
    return ScheduledAgent(
        label=agent.job.label,
        file=agent.found.elsewhere or files[-1].file,
        installed=state == "ok",
        due=clock.timestamp(next_time(agent.job.times, now)) if state == "ok" else None,
        last_run=last.started_time if last else None,
        last_run_ended_time=last.ended_time if last else None,
        last_exit_code=last.exit_code if last else None,
        state=state,
        command=" ".join(agent.job.arguments),
        files=files,
    )


def _troubles(agents: Sequence[Agent]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(agent.found.trouble for agent in agents if agent.found.trouble))
