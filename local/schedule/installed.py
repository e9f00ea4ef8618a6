"""What `invoke doctor` asks of the schedule: whether each agent is there, as `schedule.install` would make it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from local.doctor.check import DoctorCheck, refused
from local.doctor.run import Precondition
from local.errors import PillarError
from local.schedule.agents import Agent
from local.schedule.plan import AgentState

_NAME = "schedule installed"
_CHECK = "invoke schedule.install --check shows what it would change"
_TOLD: dict[AgentState, tuple[str, str]] = {
    "ok": ("it is there, as an install would make it", ""),
    "missing": ("it is not there, so nothing runs by itself", "invoke schedule.install"),
    "differs": ("it is not as an install would make it", _CHECK),
    "stopped": ("its files are there, and the scheduler does not run it", "invoke schedule.install"),
    "foreign": ("another program's agent has its label", f"{_CHECK}; --replace puts ours in its place"),
    "unknown": ("the scheduler does not tell", "invoke schedule.show"),
}


def precondition(survey: Callable[[], Sequence[Agent]]) -> Precondition:
    """Each agent, as `survey` finds it."""
    return Precondition(_NAME, lambda: _look(survey))


def judge_agent(label: str, state: AgentState) -> DoctorCheck:
    """One agent; without it backups and drills are made by hand, which is somebody's choice and so no failure."""
    name = f"{_NAME}: {label}"
    told, mend = _TOLD[state]
    return DoctorCheck(name, "ok" if state == "ok" else "warn", told, mend)


def _look(survey: Callable[[], Sequence[Agent]]) -> Iterator[DoctorCheck]:
    try:
        agents = survey()
    except PillarError as error:
        yield refused(_NAME, error)
        return
    for agent in agents:
        yield judge_agent(agent.job.label, agent.state)
