"""`invoke schedule.install`, `schedule.show` and `schedule.remove`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from local.command_line.command import VARIABLES, Invocation, command
from local.command_line.options import CHECK, JSON, Option

if TYPE_CHECKING:
    from local.doctor.run import Precondition
    from local.schedule.agents import Agent
    from local.schedule.scheduler import Scheduler

_CHECKOUT = Path(__file__).parents[2]


@command(
    "schedule.install",
    CHECK,
    JSON,
    left="an agent may be half installed; the next invoke schedule.install completes it",
)
def install(
    invocation: Invocation,
    replace: Annotated[
        bool, Option("replace another program's agent of the same label too; a copy of it is kept")
    ] = False,
) -> int:
    """Have launchd or systemd run the backup and the month's drill; a second time it changes nothing."""
    from local.schedule import agents as acting
    from local.schedule import bare_environment as bare
    from local.schedule import report as documents
    from local.schedule import tables
    from local.schedule.scheduler import scheduler_here

    location, scheduler = invocation.settings.store.location, scheduler_here()
    agents = _survey(invocation, scheduler, as_found=False)
    job = agents[-1].job
    access = bare.access_of(location, job, os.environ)
    refusal = acting.refusal(agents, replace=replace) or bare.refusal(job, access, VARIABLES)
    told = (*scheduler.notes(), *access.notes(), *_engine_notes(invocation))
    if invocation.check:
        notes = (*told, *documents.would_be_refused(refusal))
        found = documents.report(agents, documents.planned(agents, scheduler, access.credential, notes))
        invocation.screen.show(found, tables.install)
        return refusal.exit_code if refusal else 0
    if refusal:
        raise refusal
    scheduler.ready()
    changed = acting.install(scheduler, agents, tables.telling(invocation.screen))
    done = documents.done(scheduler, changed, told, access.credential)
    found = documents.report(_survey(invocation, scheduler, as_found=False), done)
    invocation.screen.show(found, tables.install)
    return 0


@command("schedule.show", JSON)
def show(invocation: Invocation) -> int:
    """Show what is installed, when it runs next, how it last ended; exit code 1 where any is missing or differs."""
    from local.schedule import report as documents
    from local.schedule import tables
    from local.schedule.scheduler import scheduler_here

    scheduler = scheduler_here()
    agents = _survey(invocation, scheduler, as_found=True)
    shown = documents.shown(agents, scheduler)
    invocation.screen.show(documents.report(agents, shown), tables.show)
    return 0 if shown.verdict == "ok" else 1


@command("schedule.remove", CHECK, JSON, left="an agent may still be there; invoke schedule.remove again")
def remove(invocation: Invocation) -> int:
    """Take away exactly what schedule.install made; logs and records stay."""
    from local.schedule import agents as acting
    from local.schedule import report as documents
    from local.schedule import tables
    from local.schedule.scheduler import scheduler_here

    scheduler = scheduler_here()
    agents = _survey(invocation, scheduler, as_found=True)
    if invocation.check:
        found = documents.report(agents, documents.removal(agents, scheduler))
        invocation.screen.show(found, tables.remove)
        return 0
    scheduler.ready()
    changed = acting.remove(scheduler, agents, tables.telling(invocation.screen))
    found = documents.report(_survey(invocation, scheduler, as_found=True), documents.done(scheduler, changed))
    invocation.screen.show(found, tables.remove)
    return 0


def installed(invocation: Invocation) -> Precondition:
    """What `invoke doctor` asks of the schedule."""
    from local.schedule import installed as looking
    from local.schedule.scheduler import scheduler_here

    return looking.precondition(lambda: _survey(invocation, scheduler_here(), as_found=True))


def _engine_notes(invocation: Invocation) -> tuple[str, ...]:
    """Where volumes are backed up: that a scheduled run asks another Docker engine than this shell."""
    if not invocation.settings.volumes:
        return ()
    from local.doctor.volumes import judge_schedule

    found = judge_schedule(os.environ, Path.home())
    return () if found.verdict == "ok" else (f"{found.message}; {found.mend}",)


def _survey(invocation: Invocation, scheduler: Scheduler, *, as_found: bool) -> list[Agent]:
    from local.schedule import agents as acting
    from local.schedule.bare_environment import own_invoke, scheduled_environment

    schedule = invocation.settings.schedule
    environment = scheduled_environment(os.environ)
    here = acting.installation(own_invoke(), _CHECKOUT, invocation.settings_file, environment)
    return acting.survey(scheduler, schedule, here, as_found=as_found)
