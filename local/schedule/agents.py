"""Install, show and remove the two agents: what stands there, what is to become of it, and the change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from local import clock
from local.command_line.scheduled_run import VARIABLE as MARK
from local.errors import ConfigError, PillarError
from local.events import Event, Watch
from local.schedule.plan import AgentState, FoundAgent, Installation, Job, jobs, judge
from local.schedule.scheduler import Scheduler, is_ours, write
from local.settings import ScheduleSettings


@dataclass(frozen=True)
class Agent:
    """One job, the files that it wants, and what stands there."""

    job: Job
    wanted: dict[Path, str]
    found: FoundAgent

    @property
    def state(self) -> AgentState:
        """How the two differ."""
        return judge(self.wanted, self.found)


def installation(invoke: Path, checkout: Path, settings_file: Path | None, environment: dict[str, str]) -> Installation:
    """The parts, with the platform's own folder for logs; ConfigError for a path that no agent's file can hold."""
    logs = Path(platformdirs.user_log_dir("pillar9", appauthor=False)).absolute()
    for path in (invoke, checkout, settings_file, logs):
        if path is not None and not str(path).isprintable():
            raise ConfigError("schedule", f"the path {str(path)!r} holds a control character", "rename that folder")
    return Installation(invoke, checkout, settings_file, logs, environment)


def survey(scheduler: Scheduler, schedule: ScheduleSettings, here: Installation, *, as_found: bool) -> list[Agent]:
    """Both agents; with `as_found` an agent of ours may keep the environment that it was installed with.

    That comes from the shell in which somebody installed it, so another shell is no reason to say that it differs.
    """
    # A check may be made where it cannot be asked; a change is not begun there.
    trouble = _trouble(scheduler)
    return [_look(scheduler, job, as_found, trouble) for job in jobs(schedule, here)]


def install(scheduler: Scheduler, agents: Sequence[Agent], watch: Watch) -> bool:
    """Write, stop and start what differs; whether anything did. What was another's is kept as a copy.

    Killed at any instant, the same command completes it: an agent whose files are in place is started again.
    """
    changed = False
    for agent in agents:
        if agent.state == "ok":
            continue
        changed = True
        label = agent.job.label
        for path in _kept_aside(agent):
            watch(Event(label, f"what stood there is kept: {path}", lasting=True))
        if agent.found.elsewhere:
            told = f"{agent.found.elsewhere} stays: move it away, or it may come back at the next login"
            watch(Event(label, told, lasting=True))
        agent.job.record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if agent.found.loaded or agent.found.elsewhere:
            scheduler.stop(label)
        for path, content in agent.wanted.items():
            write(path, content)
        scheduler.start(agent.job)
        watch(Event(label, "started"))
    return changed


def remove(scheduler: Scheduler, agents: Sequence[Agent], watch: Watch) -> bool:
    """Stop and remove what is ours; whether there was any. Another's agent is told, and stays."""
    changed = False
    for agent in agents:
        label, own = agent.job.label, [path for path, content in agent.found.contents.items() if content is not None]
        if agent.state == "foreign":
            watch(Event(label, f"is not ours, and stays: {_where(agent)}", lasting=True))
            continue
        if not own and not agent.found.loaded:
            continue
        if agent.found.loaded:
            scheduler.stop(label)
        # The service is what tells that a timer is ours, so it goes last.
        for path in reversed(own):
            path.unlink(missing_ok=True)
        scheduler.forget()
        changed = True
        watch(Event(label, "removed"))
    return changed


def refusal(agents: Iterable[Agent], *, replace: bool) -> PillarError | None:
    """Why another's agent under one of the labels stays where it is; None where there is none, or `replace`."""
    foreign = [agent for agent in agents if agent.state == "foreign"]
    if replace or not foreign:
        return None
    told = "; ".join(f"{agent.job.label} is there and does not run this tool: {_where(agent)}" for agent in foreign)
    mend = "look: invoke schedule.show; put ours in its place, keeping a copy: invoke schedule.install --replace"
    return ConfigError("schedule.install", told, f"{mend}; or set another schedule.label")


def _trouble(scheduler: Scheduler) -> str | None:
    try:
        scheduler.ready()
    except PillarError as error:
        return f"{error}; {error.mend}"
    return None


def _look(scheduler: Scheduler, job: Job, as_found: bool, trouble: str | None) -> Agent:
    job = replace(job, environment={**job.environment, MARK: str(job.record)})
    contents = {path: _read(path) for path in scheduler.files(job)}
    there = scheduler.environment(contents)
    ours = is_ours(there)
    if as_found and ours:
        job = replace(job, environment={**there, MARK: str(job.record)})
    if trouble:
        return Agent(job, scheduler.files(job), FoundAgent(contents, ours, loaded=None, trouble=trouble))
    loaded = scheduler.loaded_from(job.label)
    own = {path.resolve() for path in contents}
    elsewhere = str(loaded) if loaded is not None and loaded.resolve() not in own else None
    return Agent(job, scheduler.files(job), FoundAgent(contents, ours, loaded is not None, elsewhere))


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _where(agent: Agent) -> str:
    there = [str(path) for path, content in agent.found.contents.items() if content is not None]
    return agent.found.elsewhere or ", ".join(there)


def _kept_aside(agent: Agent) -> list[Path]:
    """Copies of the files of another's agent, in a folder that no scheduler reads."""
    if agent.state != "foreign":
        return []
    folder = Path(platformdirs.user_data_dir("pillar9", appauthor=False)) / "replaced"
    stamp, kept = clock.compact_timestamp(clock.now()), []
    elsewhere = [Path(agent.found.elsewhere)] if agent.found.elsewhere else []
    for path in [*agent.found.contents, *elsewhere]:
        if path.exists():
            copy = folder / f"{path.name}.{stamp}"
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy.write_bytes(path.read_bytes())
            kept.append(copy)
    return kept
