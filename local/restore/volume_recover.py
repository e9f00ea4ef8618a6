"""What a killed restore into a volume left: cleared away where the volume is whole, else told until a person acts."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from local.errors import EngineError, LockHeldError, PillarError
from local.restore.private_folder import private_folder, private_path
from local.restore.recover import CLEARED_UNBEGUN, ended_by_force
from local.restore.volume_kept import KeptVolumes, RestoreNote
from local.restore.volume_left import is_left
from local.volumes.endpoint import Endpoint, find_endpoint
from local.volumes.own_folder import own_path
from local.volumes.refill import is_half_done, sweep_note


def recover_volume(name: str) -> str | None:
    """Clear away what a killed restore into this volume left, and say so; None if there was nothing.

    One that is running is left alone, and so is a volume that may be half filled: which content it is to have, a person
    says. What was left of another engine's volume is told where that engine is the one that is asked. Raises
    PillarError where what stands there cannot be acted on.
    """
    try:
        endpoint = find_endpoint(os.environ, Path.home())
    except EngineError:
        # Whoever names no engine has restored into none of its volumes; a backup and the doctor say what is wrong.
        return None
    try:
        kept = KeptVolumes.of(endpoint.url, name)
        return _recovered(kept, endpoint) if is_left(kept.folder, name) else None
    except OSError as error:
        doing = f"restore of the volume {name}: clear away what a killed one left"
        raise PillarError(doing, str(error), f"look at it: ls -la {quote(str(own_path()))}") from error


def _recovered(kept: KeptVolumes, endpoint: Endpoint) -> str | None:
    left = any(private_path(kept.target).glob("*"))
    try:
        with private_folder(kept.target):
            kept.sweep_note()
            sweep_note(endpoint, kept.name)
            note, half = kept.note(), is_half_done(endpoint, kept.name)
            if note is None:
                return CLEARED_UNBEGUN if left else None
            if not half:
                _end(kept, note)
            return sentence(kept, note, half=half)
    except LockHeldError:
        return None


def _end(kept: KeptVolumes, note: RestoreNote) -> None:
    if note.state == "replacing":
        kept.forget(note)
    else:
        kept.remove_note()


def sentence(kept: KeptVolumes, note: RestoreNote, *, half: bool) -> str:
    """What a person must know of it."""
    begun = ended_by_force(note)
    former = f"the former content: {kept.folder / note.kept}; invoke restore {kept.name} --rollback goes back to it"
    if half:
        told = "while it replaced the volume, which may be away, empty or half filled"
        return f"{begun} {told}; {former}, and --live begins anew"
    if note.state == "replacing":
        return f"{begun} before it had replaced the volume, which is as it was; what it had begun is cleared away"
    what = "the copy that it went back to" if note.rollback else "the restored backup"
    if note.state == "undoing":
        told = f"while it was rolled back; the volume is whole, but may hold the former content or {what}"
        return f"{begun} {told}; {former}"
    return f"{begun} after it had replaced the volume, which holds {what}; it was not read back to its end; {former}"
