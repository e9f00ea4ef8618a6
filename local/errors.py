"""Every error that a user can mend: one type for each thing that a person must do differently.

PillarError
├── ConfigError        2   mend the command line or invoke.yaml
├── SourceError        1   mend the live database (or close who locks it)
├── StoreError         1   mend the backup folder, or look at what the store holds
├── AzureError         3   ask for a right, log in, or restore the network
├── EngineError        1   start Docker, ask for the right to use it, or mend the volume's containers
├── InconclusiveError  4   make the drill possible and run it again
└── LockHeldError     75   wait for the other run
"""

from __future__ import annotations

from typing import ClassVar


class PillarError(Exception):
    """What was being done, what came back, and the command that mends it.

    `exit_code` is the process's, as SPEC section 1 fixes it; `kind` is the type's name in documents.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, doing: str, came_back: str, mend: str = "") -> None:
        super().__init__(f"{doing}: {came_back}")
        self.doing = doing
        self.came_back = came_back
        self.mend = mend


class ConfigError(PillarError):
    """The command line or the configuration says something that cannot be meant."""

    kind = "configuration"
    exit_code = 2


class SourceError(PillarError):
    """The live database cannot be backed up as it is."""

    kind = "source"


class StoreError(PillarError):
    """The store holds, or takes, something other than it should."""

    kind = "store"


class AzureError(PillarError):
    """Azure refused, or could not be reached."""

    kind = "azure"
    exit_code = 3


class EngineError(PillarError):
    """Docker's engine is not to be reached, or refuses what a volume needs."""

    kind = "engine"


class InconclusiveError(PillarError):
    """The drill could not be carried out, so nothing was proven."""

    kind = "inconclusive"
    exit_code = 4


class LockHeldError(PillarError):
    """Another run is under way."""

    kind = "locked"
    exit_code = 75
