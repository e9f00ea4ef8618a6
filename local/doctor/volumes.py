"""The configured Docker volumes: whether an engine answers, who uses each, what keeps still, and room for their tars.

Only a backup, and a restore into a volume, need an engine; a drill and any other restore need none.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from shlex import quote

from local.doctor.check import DoctorCheck, refused
from local.doctor.machine import Room, existing, judge_space
from local.doctor.run import Precondition
from local.errors import EngineError
from local.settings import Volume
from local.store.catalog import NEWEST
from local.store.repository import Repository
from local.store.shelf import VOLUMES
from local.volumes.endpoint import Endpoint, find_endpoint
from local.volumes.engine import Engine, open_engine
from local.volumes.facts import VolumeUser

_ENGINE = "docker"
_SCHEDULE = "docker of the schedule"
_SPACE = "free space: volumes"
_ENGINE_SECONDS = 60.0
_SPACE_SECONDS = 60.0


def preconditions(
    volumes: Sequence[Volume], cache: Path, opening: Callable[[], Repository]
) -> tuple[Precondition, ...]:
    """None where no volume is configured; `cache` is the folder in which a backup makes a volume's tar."""
    if not volumes:
        return ()
    return (
        Precondition(_ENGINE, partial(_look, volumes), _ENGINE_SECONDS),
        Precondition(_SCHEDULE, lambda: [judge_schedule(os.environ, Path.home())]),
        Precondition(
            _SPACE, partial(_look_at_space, [volume.name for volume in volumes], cache, opening), _SPACE_SECONDS
        ),
    )


def judge_schedule(shell: Mapping[str, str], home: Path) -> DoctorCheck:
    """Whether a scheduled run, which has nothing of a shell, asks the engine that this shell's variables name."""
    ours = sorted(name for name in shell if name.startswith("DOCKER_") and shell[name])
    here, there = _endpoint(shell, home), _endpoint({}, home)
    if _place(here) == _place(there):
        return DoctorCheck(_SCHEDULE, "ok", f"a scheduled backup asks the same engine, {there}")
    told = f"a scheduled backup has no {', '.join(ours)} of this shell, so it asks {there}, and not {here}"
    address = here.url if isinstance(here, Endpoint) else "URL"
    mend = (
        f"make it the current context, which every run finds: docker context create pillar9 "
        f"--docker {quote(f'host={address}')}, then, with none of these variables: docker context use pillar9"
    )
    return DoctorCheck(_SCHEDULE, "warn", told, mend)


def judge_volume(volume: Volume, driver: str, users: Sequence[VolumeUser]) -> DoctorCheck:
    """Who uses a volume that is there, and whether that keeps still while it is read."""
    check = partial(DoctorCheck, f"volume {volume.name}")
    used = ", ".join(f"{user.name} ({user.state})" for user in users) or "no container"
    told = f"driver {driver}, used by {used}"
    held = {name: [user for user in users if _is_meant(name, user)] for name in (*volume.stop, *volume.pause)}
    strangers = [name for name, meant in held.items() if not meant]
    if strangers:
        mend = f"see who uses it: docker ps --all --filter {quote(f'volume={volume.name}')}"
        return check("warn", f"{told}; {', '.join(strangers)} is to keep still for it and does not use it", mend)
    still = [user for meant in held.values() for user in meant]
    writers = [user.name for user in users if user.at_work and user.may_write and user not in still]
    if writers:
        told += f"; {', '.join(writers)} may write while it is read, and what changes then is named in the report"
    return check("ok", told)


def _is_meant(name: str, user: VolumeUser) -> bool:
    """A container is named, or called by the beginning of its identity."""
    return name == user.name or user.identity.startswith(name)


def judge_unknown(names: Sequence[str]) -> tuple[DoctorCheck, ...]:
    """Volumes of which no backup tells how large they are."""
    if not names:
        return ()
    return (DoctorCheck(_SPACE, "skipped", f"no backup tells yet how large these are: {', '.join(names)}"),)


def rooms(sizes_bytes: Sequence[int], cache: Path, temporary: Path) -> tuple[Room, ...]:
    """What needs room, for tars of these sizes, of which one is made at a time: each database in one is beside it."""
    largest = max(sizes_bytes, default=0)
    if not largest:
        return ()
    return (
        Room("cache folder, for volumes", cache, largest, 2 * largest, "a backup"),
        Room("temporary folder, for volumes", temporary, largest, 2 * largest, "a drill"),
    )


def _look(volumes: Sequence[Volume]) -> Iterator[DoctorCheck]:
    with open_engine() as engine:
        yield DoctorCheck(_ENGINE, "ok", f"an engine answers at {engine.endpoint}")
        for volume in volumes:
            try:
                yield _look_at(engine, volume)
            except EngineError as error:
                yield refused(f"volume {volume.name}", error)


def _look_at(engine: Engine, volume: Volume) -> DoctorCheck:
    engine.require_whole(volume.name)
    facts = engine.volume(volume.name)
    for name in (*volume.stop, *volume.pause):
        engine.check_container(name)
    return judge_volume(volume, facts.driver, engine.users(volume.name))


def _look_at_space(names: Sequence[str], cache: Path, opening: Callable[[], Repository]) -> Iterator[DoctorCheck]:
    chosen = opening().on(VOLUMES).choose(names, NEWEST)
    sizes = {name: point.recorded.raw_bytes for name, point in chosen.items() if point}
    yield from judge_unknown([name for name in names if not sizes.get(name)])
    for room in rooms([size for size in sizes.values() if size], cache, Path(tempfile.gettempdir())):
        place = existing(room.folder)
        yield judge_space(room, shutil.disk_usage(place).free, writable=os.access(place, os.W_OK))


def _endpoint(environment: Mapping[str, str], home: Path) -> Endpoint | str:
    """The engine, or why none can be meant."""
    try:
        return find_endpoint(environment, home)
    except EngineError as error:
        return f"none: {error.came_back}"


def _place(found: Endpoint | str) -> object:
    return (found.url, found.tls) if isinstance(found, Endpoint) else found
