"""A restore to a new folder without its drill, which `tests.support.file_faults` ends at each of its operations."""

from __future__ import annotations

from pathlib import Path

from local.restore.private_folder import private_folder
from local.restore.to_folder import appear_folder
from local.unpack.unpack import unpack

TARGET = "to/volume"


def restore(folder: Path) -> None:
    """From the tar that lies there to a new folder beside it."""
    with private_folder(folder / TARGET) as private:
        unpack(folder / "volume.tar", private / "tree", lambda _step, _bytes: None)
        appear_folder(private / "tree", folder / TARGET)
