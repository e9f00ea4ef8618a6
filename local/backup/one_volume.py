"""One Docker volume of a run: read into a tar, and that stored as a database's snapshot is."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from local import clock
from local.archive.given_cut import GivenCut
from local.archive.planner import Planner
from local.archive.private_folder import make_private
from local.backup.context import RunContext
from local.backup.destination import prepare, upload_of
from local.backup.engine_turns import EngineTurns
from local.backup.upload import Stored
from local.backup.volume_content import VolumeToStore, bounded
from local.events import Event
from local.settings import Volume
from local.volumes.engine import Engine
from local.volumes.snapshot import VolumeSnapshot, take

_REPORTED_TEXTS = 20


def deliver(volume: Volume, engines: EngineTurns, context: RunContext) -> Stored:
    """Its content is in the store when this returns.

    Raises EngineError, SourceError, the store's errors, and StoppedError.
    """
    context.go_on()
    make_private(context.work)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(context.work_of(volume.name)))
        prepared = context.pool.submit(prepare, volume.name, clock.now().date(), context)
        _tell_of_room(volume, folder, context)
        content = VolumeToStore(volume.name, _read(volume, folder, engines, context))
        for text in content.notes():
            context.watch(Event(volume.name, text))
        cutter = partial(GivenCut, content.snapshot.cut)
        planner = stack.enter_context(closing(Planner(content.file, context.pool, 0, cutter)))
        stored = context.finish(upload_of(content, planner, prepared, context))
    context.tell(volume.name, tuple(content.warnings()))
    return replace(stored, changing=bounded(content.snapshot.contents.changing, _REPORTED_TEXTS))


def _read(volume: Volume, folder: Path, engines: EngineTurns, context: RunContext) -> VolumeSnapshot:
    """Its containers are held still no longer than it takes to read it."""
    with engines.turn() as engine:
        context.go_on()
        engine.require_whole(volume.name)
        engine.volume(volume.name)
        with _held_still(volume, engine, context):
            look_twice = context.checking or not _keeps_still(volume, engine)
            looks = "twice" if look_twice else "once, as it keeps still"
            context.watch(Event(volume.name, f"reading the volume {looks}"))
            before = _newest_bytes(volume, context)
            advance = context.progress(volume.name, "reading the volume", before and before * (1 + look_twice))
            with engine.reading(volume.name) as reader:
                snapshot = take(
                    reader,
                    folder,
                    look_twice=look_twice,
                    used_since=partial(_is_used_now, volume, engine, context),
                    advance=advance,
                    mountpoint=reader.mountpoint,
                )
                without = () if snapshot.is_exact else reader.without
                left_out = (*without, *snapshot.contents.left_out)
                return replace(snapshot, contents=replace(snapshot.contents, left_out=left_out))


def _keeps_still(volume: Volume, engine: Engine) -> bool:
    """Whether all that may write to it is held still by the user's order.

    Where no container is named, nobody can tell: programs of the machine itself may write to it, or other engines.
    """
    return bool(volume.stop or volume.pause) and not engine.writers(volume.name)


def _is_used_now(volume: Volume, engine: Engine, context: RunContext) -> bool:
    """Whether a container that may write to it came to run while it was read."""
    writers = engine.writers(volume.name)
    if writers:
        names = " and ".join(user.name for user in writers)
        context.watch(Event(volume.name, f"reading it a second time, as {names} came to use it meanwhile"))
    return bool(writers)


def _held_still(volume: Volume, engine: Engine, context: RunContext) -> AbstractContextManager[None]:
    """Nothing is held still for a check, which is to change nothing."""
    if not context.checking:
        return engine.held_still(volume.stop, volume.pause)
    holding = {"stop": volume.stop, "pause": volume.pause}
    held = " and ".join(f"{verb} {' and '.join(names)}" for verb, names in holding.items() if names)
    if held:
        told = f"a backup would {held} meanwhile; this check lets them run, so it may see changes"
        context.watch(Event(volume.name, told))
    return nullcontext()


def _tell_of_room(volume: Volume, folder: Path, context: RunContext) -> None:
    """How long the tar will be is known only from the newest backup, and of its zeros none takes room."""
    size, free = _newest_bytes(volume, context), shutil.disk_usage(folder).free
    if size and free < size:
        told = f"the tar may not fit: that of its newest backup takes {size:,} bytes, and {free:,} are free in"
        context.tell(volume.name, [f"{told} {folder.parent}"])


def _newest_bytes(volume: Volume, context: RunContext) -> int | None:
    """The size of the tar in the newest backup, if it says so."""
    newest = context.connection.result().newest(volume.name)
    return newest.recorded.raw_bytes if newest else None
