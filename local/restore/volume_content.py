"""What a volume holds, as an engine streams it, compared with the tar that it was filled from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry, content_of, read_entries
from local.drill_program.tar_header import NANOSECONDS
from local.restore.exact_entries import ExactEntries
from local.unpack.attributes import Unkept, attribute_name
from local.volumes.mountpoint import Mountpoint
from local.volumes.seen import DEVICES, in_volume
from local.volumes.tar_stream import TarStream

_TOLD = 4


@dataclass(frozen=True, slots=True)
class HeldFile:
    """One path: what it is, and the SHA-256 of its content; `first` is the first path of those that are one file."""

    entry: TarEntry
    sha256: bytes
    first: bytes


@dataclass(frozen=True)
class VolumeContent:
    """All that there is by path; `files` counts all but the volume's own folder, `bytes` the content of all files.

    `is_exact` where owners, times and attributes are those of the volume's own folder, whatever its engine tells.
    """

    held: dict[bytes, HeldFile]
    is_exact: bool = False

    @property
    def files(self) -> int:
        """As a backup counts them."""
        return len(self.held.keys() - {b"."})

    @property
    def bytes(self) -> int:
        """As a backup counts them: a hard link has none of its own."""
        return sum(each.entry.size for path, each in self.held.items() if each.first == path)


def of_tar(tar: Path) -> VolumeContent:
    """What the tar file holds; the drill program's errors where it does not read to its end."""
    held: dict[bytes, HeldFile] = {}
    with tar.open("rb") as file:
        for entry in read_entries(file):
            digest = hashlib.sha256()
            for piece in content_of(file, entry):
                digest.update(piece)
            _add(held, entry, digest.digest())
    return VolumeContent(_settled(held))


def of_stream(chunks: Iterable[bytes], mountpoint: Mountpoint | None = None) -> VolumeContent:
    """What the engine's stream of a volume holds, completed from `mountpoint` where all agrees there.

    NotWholeError where the stream is not whole, and the engine's errors. Devices are in no backup.
    """
    held: dict[bytes, HeldFile] = {}
    exact: dict[bytes, HeldFile] = {}
    stream = TarStream(chunks)
    with ExactEntries(mountpoint) as entries:
        for entry in in_volume(stream):
            digest = hashlib.sha256()
            for piece in stream.content():
                digest.update(piece)
            if entry.kind not in DEVICES:
                _add(held, entry, digest.digest())
                _add(exact, entries.complete(entry), digest.digest())
    return VolumeContent(_settled(exact if entries.all_agree else held), entries.all_agree)


def differences(wanted: VolumeContent, found: VolumeContent, *, owners: bool) -> tuple[str | None, Unkept]:
    """What in the volume is not as wanted, in words (None: nothing), and what an engine does not keep of it.

    Where `found` is not exact: engines tell times in whole seconds, and Docker no extended attribute but
    security.capability (measured, and moby's pkg/archive); `owners` is False where this one tells none. Docker
    puts no time before 1970 back, Podman none to more than the microsecond and no access list, neither an attribute
    without a value (measured, 20.10 and 4.3.1).
    """
    wrong = [f"{path_text(path)} is missing" for path in wanted.held.keys() - found.held.keys()]
    wrong += [f"{path_text(path)} is there besides" for path in found.held.keys() - wanted.held.keys()]
    unkept = Unkept()
    for path in sorted(wanted.held.keys() & found.held.keys()):
        ours, theirs = wanted.held[path], found.held[path]
        wrong += [
            f"{path_text(path)} has another {each}" for each in _respects(ours, theirs) if owners or each != "owner"
        ]
        _count_unkept(ours.entry, theirs.entry, unkept, to_the_digit=found.is_exact)
    told = sorted(wrong)[:_TOLD]
    more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
    return ("; ".join(told) + more if wrong else None), unkept


def _respects(ours: HeldFile, theirs: HeldFile) -> list[str]:
    left, right = ours.entry, theirs.entry
    compared = {
        "kind": (left.kind, right.kind),
        "content": ((left.size, ours.sha256), (right.size, theirs.sha256)),
        "link": ((left.link, ours.first), (right.link, theirs.first)),
        "owner": ((left.uid, left.gid), (right.uid, right.gid)),
        "mode": (0, 0) if left.kind == "symlink" else (left.mode, right.mode),
    }
    return [respect for respect, (one, other) in compared.items() if one != other]


def _count_unkept(ours: TarEntry, theirs: TarEntry, unkept: Unkept, *, to_the_digit: bool) -> None:
    # Before 1970 a fraction is cut off in either direction.
    if abs(ours.mtime_ns - theirs.mtime_ns) >= (1 if to_the_digit else NANOSECONDS):
        unkept.add("time", path_text(ours.path))
    there = dict(theirs.xattrs)
    for keyword, value in ours.xattrs:
        if there.get(attribute_name(keyword), there.get(keyword)) != value:
            unkept.add("extended attribute", f"{path_text(keyword)} of {path_text(ours.path)}")


def _add(held: dict[bytes, HeldFile], entry: TarEntry, sha256: bytes) -> None:
    if entry.kind != "hard link":
        held[entry.path] = HeldFile(entry, sha256, entry.path)
        return
    # A tar names what it wrote before, which may be another of the file's names in each.
    target = held[entry.link]
    held[entry.path] = HeldFile(replace(target.entry, path=entry.path), target.sha256, target.first)


def _settled(held: dict[bytes, HeldFile]) -> dict[bytes, HeldFile]:
    """The same, where the first name of a file is the first by order, wherever it stood in the tar."""
    least: dict[bytes, bytes] = {}
    for path, each in held.items():
        least[each.first] = min(path, least.get(each.first, path))
    return {path: replace(each, first=least[each.first]) for path, each in held.items()}
