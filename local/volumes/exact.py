"""What an engine's tar keeps to itself of an entry, taken from the volume's own folder where that surely is the one.

Podman's tar gives every file to the container's user and rounds times to seconds; Docker's cuts them off and has of all
extended attributes `security.capability` alone (measured, 4.3.1 and 20.10). The folder may be another one: the engine
may run in a virtual machine, or elsewhere behind a forwarded socket, and have a volume of that name there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace

from local.drill_program.tar_entries import TarEntry
from local.drill_program.tar_header import NANOSECONDS
from local.volumes.mountpoint import Mountpoint
from local.volumes.seen import SeenEntry

# Others are of one machine (SELinux's labels, IMA's signatures), or of one file system.
_KEPT = (b"security.capability", b"system.posix_acl_access", b"system.posix_acl_default")
_KEPT_STARTS = (b"user.", b"trusted.")


def is_kept(attribute: bytes) -> bool:
    """Whether an extended attribute is part of what a volume holds."""
    return attribute in _KEPT or attribute.startswith(_KEPT_STARTS)


def agrees(told: TarEntry, there: TarEntry | None, mountpoint: Mountpoint) -> bool:
    """Whether what stands in the folder is what the engine told of, as far as it tells.

    A hard link is told without its content, so that any other name of a file agrees with it.
    """
    if there is None:
        return False
    is_link = told.kind == "hard link"
    same = (
        there.kind != "folder"
        if is_link
        else (there.kind, there.size, there.link) == (told.kind, told.size, told.link),
        # Linux has no mode of a symlink, and engines tell different ones.
        there.kind == "symlink" or there.mode == told.mode,
        not mountpoint.owners_told or (there.uid, there.gid) == (told.uid, told.gid),
        _is_time(told.mtime_ns, there.mtime_ns),
        is_link or {pair for pair in told.xattrs if is_kept(pair[0])} <= set(there.xattrs),
    )
    return all(same)


def completed(told: TarEntry, there: TarEntry | None, mountpoint: Mountpoint | None) -> TarEntry:
    """The entry with the folder's owner, time and attributes, where that agrees; else as it was told.

    A hard link's attributes are told once, with the content.
    """
    if mountpoint is None or there is None or not agrees(told, there, mountpoint):
        return told
    xattrs = () if told.kind == "hard link" else there.xattrs
    return replace(told, uid=there.uid, gid=there.gid, mtime_ns=there.mtime_ns, xattrs=xattrs)


def is_the_volumes(entries: Sequence[SeenEntry], unsteady: Set[bytes], mountpoint: Mountpoint) -> bool:
    """Whether the folder is the volume's: every entry agrees but those that were written to meanwhile, and one does."""
    strange = {seen.entry.path for seen in entries if not agrees(seen.entry, seen.there, mountpoint)}
    return strange <= unsteady and len(strange) < len(entries)


def with_exact(
    entries: Sequence[SeenEntry], looked_at: Iterable[SeenEntry], mountpoint: Mountpoint
) -> tuple[list[SeenEntry], tuple[bytes, ...]]:
    """The entries with what the folder, which is the volume's, says of them; and the paths of those it says nothing of.

    `looked_at` are the first look's. Of what was written to since then the time stays that of the content.
    """
    first = {seen.entry.path: seen for seen in looked_at}
    found, untold = [], []
    for seen in entries:
        before = first.get(seen.entry.path)
        entry = _exact(seen.entry, before, mountpoint) if before else None
        if entry is None:
            untold.append(seen.entry.path)
        found.append(replace(seen, entry=entry) if entry else seen)
    return found, tuple(untold)


def _exact(told: TarEntry, before: SeenEntry, mountpoint: Mountpoint) -> TarEntry | None:
    """The entry that is kept, `before` as the first look saw it; None where the folder had nothing of the kind."""
    there = before.there
    if told.kind == "hard link":
        return told
    if there is None or there.kind != told.kind:
        return None
    uid, gid = (told.uid, told.gid) if mountpoint.owners_told else (there.uid, there.gid)
    is_of_then = told.mtime_ns == before.entry.mtime_ns and agrees(before.entry, there, mountpoint)
    mtime_ns = there.mtime_ns if is_of_then else told.mtime_ns
    return replace(told, uid=uid, gid=gid, mtime_ns=mtime_ns, xattrs=there.xattrs)


def _is_time(told_ns: int, there_ns: int) -> bool:
    """Whether an engine tells this time so: to the last digit, or in whole seconds, cut off or rounded."""
    return told_ns == there_ns or (told_ns % NANOSECONDS == 0 and abs(told_ns - there_ns) < NANOSECONDS)
