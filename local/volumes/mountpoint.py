"""Where an engine of this machine keeps a volume's files, as far as that is known."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from local.volumes.endpoint import Endpoint
from local.volumes.facts import VolumeFacts


@dataclass(frozen=True)
class Mountpoint:
    """A folder that may be a volume's; `owners_told` says whether the engine tells the owners of files itself."""

    folder: Path
    owners_told: bool


def mountpoint_of(
    volume: VolumeFacts, endpoint: Endpoint, *, owners_told: bool, owners_shifted: bool
) -> Mountpoint | None:
    """Where the volume's files may be seen; None where that is surely not so, or their owners are others there.

    Where the owners are shifted but told too, nothing in the folder will agree.
    """
    if sys.platform != "linux" or endpoint.socket is None or volume.driver != "local":
        return None
    if not volume.mountpoint.startswith("/") or owners_shifted:
        return None
    return Mountpoint(Path(volume.mountpoint), owners_told)
