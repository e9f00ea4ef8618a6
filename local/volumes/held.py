"""Containers that keep still while their volume is read, and run again behind it, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

from local.errors import EngineError
from local.interrupt import if_abandoned
from local.volumes.connection import connect_at_the_end
from local.volumes.endpoint import Endpoint
from local.volumes.engine_errors import engine_errors
from local.volumes.facts import AT_WORK, container_facts
from local.volumes.held_notes import HeldContainer, forgotten_notes, note

if TYPE_CHECKING:
    from docker import APIClient

# A process that is being ended gives each container this long; what is missing then, the next run makes good.
_LAST_SECONDS = 10.0
# Seconds, where a container was made without its own (https://docs.docker.com/reference/cli/docker/container/stop/).
_DOCKERS_PATIENCE = 10


@contextmanager
def held_still(api: APIClient, endpoint: Endpoint, stop: Sequence[str], pause: Sequence[str]) -> Iterator[None]:
    """Meanwhile the named containers that run are stopped, in that order, or paused; behind it exactly they run again.

    EngineError before anything is done where one is not there, or would be lost by stopping it. What is about to be
    done is noted first, so that the next run starts what a killed one left; a container that somebody started meanwhile
    is let be. EngineError at the end, with the command, where one could not be started: its note stays.
    """
    run_again_after_a_kill(api, endpoint)
    with engine_errors("docker: look at the containers to hold still", endpoint):
        found = [*_that_run(api, pause, "pause"), *_that_run(api, stop, "stop")]
    # One that is named twice, by its name and its identity for one, is held once: stopped, if it is to be stopped.
    to_hold = list({container.identity: container for container in found}.values())
    if not to_hold:
        yield
        return
    with note(endpoint.url, to_hold) as noted:
        begun: list[HeldContainer] = []
        with if_abandoned(partial(_abandon, endpoint, begun)):
            try:
                for container in to_hold:
                    begun.append(container)
                    with engine_errors(f"docker: {container.verb} the container {container.name}", endpoint):
                        _hold(api, container)
                yield
            except BaseException as error:
                _let_go(api, endpoint, begun, error)
                noted.done()
                raise
            _let_go(api, endpoint, begun)
            noted.done()


def run_again_after_a_kill(api: APIClient, endpoint: Endpoint) -> tuple[str, ...]:
    """The names of the containers that a killed run had stopped or paused on this engine, and that run again now.

    One that was started or removed meanwhile is let be. EngineError where one cannot be started; its note stays.
    """
    again: list[str] = []
    for noted in forgotten_notes(endpoint.url):
        again += _let_go(api, endpoint, noted.containers, just_now=False)
        noted.done()
    return tuple(again)


def _that_run(api: APIClient, names: Sequence[str], verb: Literal["stop", "pause"]) -> Iterator[HeldContainer]:
    for name in names:
        found = container_facts(api, name)
        if found["State"]["Status"] not in AT_WORK:
            continue
        if verb == "stop" and found["HostConfig"].get("AutoRemove"):
            mend = "name it under `pause:` instead of `stop:`, or start it without --rm"
            raise EngineError(f"docker: stop the container {name}", "it was started with --rm: that removes it", mend)
        patience = found["Config"].get("StopTimeout")
        patience = _DOCKERS_PATIENCE if patience is None else patience
        yield HeldContainer(found["Id"], name, verb, found["State"]["StartedAt"], patience)


def _hold(api: APIClient, container: HeldContainer) -> None:
    if container.verb == "pause":
        api.pause(container.identity)
    else:
        api.stop(container.identity, timeout=container.patience)


def _let_go(
    api: APIClient,
    endpoint: Endpoint,
    begun: Sequence[HeldContainer],
    error: BaseException | None = None,
    *,
    just_now: bool = True,
) -> list[str]:
    """Have each of them run again, the last one first, whatever becomes of the others; the names of those that were.

    EngineError with those that could not, and with the `error` that ended the work, if one did.
    """
    again: list[str] = []
    failed: dict[str, EngineError] = {}
    for container in reversed(begun):
        try:
            with engine_errors(f"docker: start {container.name} again", endpoint):
                if _run_again(api, container, just_now=just_now):
                    again.append(container.name)
        except EngineError as why:
            failed[f"docker {'start' if container.verb == 'stop' else 'unpause'} {container.name}"] = why
    if not failed:
        return again
    came_back = "; ".join([*map(str, failed.values()), *([f"after {error}"] if error else [])])
    raise EngineError("docker: a container that was held still does not run again", came_back, "; ".join(failed))


def _run_again(api: APIClient, container: HeldContainer, *, just_now: bool) -> bool:
    """Whether there was something to do: one that somebody started or removed meanwhile is let be."""
    from docker.errors import NotFound

    try:
        state = api.inspect_container(container.identity)["State"]
    except NotFound:
        return False
    as_it_was = state["StartedAt"] == container.started_at
    if container.verb == "pause":
        if state["Status"] != "paused" or not (as_it_was or just_now):
            return False
        api.unpause(container.identity)
        return True
    runs = state["Status"] in AT_WORK
    if (runs and not just_now) or (not as_it_was and (runs or not just_now)):
        return False
    # Starts one that stands still. An engine goes on stopping one whose caller is gone: that it awaits, and starts it.
    api.restart(container.identity, timeout=container.patience)
    return True


def _abandon(endpoint: Endpoint, begun: Sequence[HeldContainer]) -> None:
    """From another thread, over a connection of its own; the note stays, for the next run to look whether they run."""
    api = connect_at_the_end(endpoint, _LAST_SECONDS)
    _let_go(api, endpoint, tuple(begun))
