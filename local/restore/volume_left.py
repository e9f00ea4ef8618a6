"""The names by which a restore into a volume is known while it goes on, and after it was ended by force.

Every command looks for them: nothing here imports what a restore needs.
"""

from __future__ import annotations

import os
from pathlib import Path

from local.restore.private_folder import private_path
from local.volumes.own_folder import own_path

KEPT = "kept-"


def note_path(folder: Path, name: str) -> Path:
    """Where it stands how far a restore of the volume came; `folder` is that of its kept copies."""
    return folder / f"{name}.restoring.json"


def is_left(folder: Path, name: str) -> bool:
    """Whether there is something of such a restore in the folder of the volume's kept copies."""
    return os.path.lexists(note_path(folder, name)) or os.path.lexists(private_path(folder / name))


def is_left_anywhere(name: str) -> bool:
    """The same of any engine's volume of that name; nothing is made, and nothing asked of an engine."""
    return any(is_left(folder, name) for folder in own_path().glob(f"{KEPT}*"))
