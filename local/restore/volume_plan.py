"""Whether a volume's content may be replaced now, decided from what the engine tells; or why not, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from local.restore.volume_kept import KeptVolumes, RestoreNote
from local.volumes.facts import COMPOSE, VolumeFacts, VolumeUser
from local.volumes.refill import BY_HAND


@dataclass(frozen=True)
class VolumeState:
    """A volume before it is replaced: what was kept of it, the note of a restore that was cut short, what Docker tells.

    `half` is whether that one may have left the volume half filled; `facts` is None where it left it away. `untold` is
    what the engine tells of no file, so that a copy lacks it.
    """

    kept: KeptVolumes
    note: RestoreNote | None
    half: bool
    untold: tuple[str, ...]
    facts: VolumeFacts | None
    users: tuple[VolumeUser, ...]

    @property
    def is_untouched(self) -> bool:
        """Whether a restore was ended by force before it had changed anything."""
        return bool(self.note and self.note.state == "replacing" and not self.half)

    @property
    def steps_back(self) -> list[Path]:
        """The copies to which a rollback can go back, the newest first; the one of what it holds now is no step."""
        without = self.note.kept if self.note and self.is_untouched else None
        return [copy for copy in self.kept.copies() if copy.name != without]


@dataclass(frozen=True)
class VolumeRefusal:
    """Nothing is to be touched: why, and what mends it."""

    reason: str
    mend: str


def decide(state: VolumeState) -> VolumeRefusal | None:
    """Why the volume is not to be replaced; None where it may be.

    Docker adds files to a volume and removes none, so it is made anew, and removes no volume that a container mounts,
    running or not.
    """
    where = state.facts.kept_elsewhere if state.facts else None
    if where:
        reason = f"the volume's data is kept by {where}, and would stay when the volume is removed"
        return VolumeRefusal(reason, BY_HAND)
    running = [user for user in state.users if user.is_begun]
    if running:
        return _in_use(running, "is used by", f"docker stop {_names(running)}, docker rm {_names(running)}")
    if state.users:
        return _in_use(state.users, "would be mounted by", f"docker rm {_names(state.users)}")
    return None


def no_room(state: VolumeState, tar_bytes: int | None, free_bytes: int) -> VolumeRefusal | None:
    """Why the backup's tar alone would not fit where the restore works; None where it would, or nobody knows."""
    if tar_bytes is None or tar_bytes <= free_bytes:
        return None
    reason = f"no room in {state.kept.folder}: the backup's tar takes {tar_bytes:,} bytes, {free_bytes:,} are free"
    mend = f"free space there: df -h {quote(str(state.kept.folder))} (on Linux XDG_DATA_HOME moves it to another disk)"
    return VolumeRefusal(reason, mend)


def _in_use(users: tuple[VolumeUser, ...] | list[VolumeUser], how: str, otherwise: str) -> VolumeRefusal:
    told = " and ".join(f"{user.name} ({user.state})" for user in users)
    tail = ", and Docker removes no volume of a container that is there"
    return VolumeRefusal(
        f"the volume {how} {told}{tail}", f"{COMPOSE}; else: {otherwise}, and make them anew behind it"
    )


def _names(users: tuple[VolumeUser, ...] | list[VolumeUser]) -> str:
    return " ".join(user.name for user in users)
