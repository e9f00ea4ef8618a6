"""A volume as of one look at it: a tar on disk, where it is cut, and what is recorded of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TypeVar

from local import clock
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.file_list import FileList, path_text
from local.drill_program.tar_entries import padded, read_entries
from local.errors import SourceError
from local.volumes.arrangement import arranged
from local.volumes.canonical import END_MARK, header
from local.volumes.cut import PlacedEntry, cut
from local.volumes.database_looks import LooksAtVolume
from local.volumes.databases import DatabaseInVolume, VolumeDatabases, content_span, with_databases
from local.volumes.engine_errors import KEEP_STILL, StreamBrokenError
from local.volumes.exact import completed, is_the_volumes, with_exact
from local.volumes.look import Advance, FirstLook, SecondLook, first_look, looked_beside_again, second_look
from local.volumes.mountpoint import Mountpoint
from local.volumes.seen import SeenEntry
from local.volumes.spool import Part, SpooledContent, assemble
from local.volumes.tar_stream import NotWholeError

TRIES = 3
_TOLD_PATHS = 4
_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class VolumeContents:
    """What is recorded of a volume's tar.

    `files` counts its entries but the volume's own folder, `file_bytes` the bytes of its files, and `list_sha256`
    digests its list, as FileList does. `changing` tells what was written to while it was read, `left_out` what is not
    in the tar, `outward` the paths of symlinks that lead out of the volume; all paths as `path_text` writes them.
    `databases` by path; `not_databases` are files that only begin as one, and why they are kept as they are.
    """

    files: int
    file_bytes: int
    list_sha256: str
    changing: tuple[str, ...]
    left_out: tuple[str, ...]
    outward: tuple[str, ...]
    databases: dict[str, DatabaseInVolume]
    not_databases: tuple[str, ...]


@dataclass(frozen=True)
class VolumeSnapshot:
    """The tar, its size in bytes, the lengths of its chunks in their order, when it was begun, and what it holds.

    `is_exact` where owners, times and attributes are those of the volume's own folder, whatever the engine tells.
    """

    tar: Path
    size: int
    cut: tuple[int, ...]
    taken: datetime
    contents: VolumeContents
    is_exact: bool = False


def take(
    reader: LooksAtVolume,
    folder: Path,
    *,
    look_twice: bool = True,
    used_since: Callable[[], bool] = lambda: False,
    advance: Advance = lambda _: None,
    mountpoint: Mountpoint | None = None,
) -> VolumeSnapshot:
    """Read a volume into a tar in `folder`, which is empty and this user's; the same content gives the same bytes.

    `taken` is the moment at which the reading began: what was written later may be in it. Where somebody may write
    meanwhile, `look_twice`, or came to do so, which `used_since` is asked behind the first look: what the second look
    sees otherwise is told in `changing`, and each database's files must be of one moment. `advance` hears of each piece
    that came, in bytes, of both looks.
    What the engine keeps to itself of a file is taken from `mountpoint`, if all agrees there but what is written to.

    The data is on disk once, and databases, one by one, once more; memory holds what is known of each entry, under a
    kilobyte. Raises SourceError where the volume cannot be read whole in TRIES tries, a database is written to whenever
    it is looked at, or `folder` has no room; and the engine's errors.
    """
    try:
        return _taken(reader, folder, lambda: look_twice or used_since(), advance, mountpoint)
    except OSError as error:
        mend = f"free space there, or mend the disk: df -h {quote(str(folder))}"
        raise SourceError("tar of the volume", f"it cannot be written in {folder}: {error.strerror}", mend) from error


def _taken(
    reader: LooksAtVolume,
    folder: Path,
    look_twice: Callable[[], bool],
    advance: Advance,
    mountpoint: Mountpoint | None,
) -> VolumeSnapshot:
    taken = clock.now()
    first = _whole(lambda place: first_look(reader.look(), place, advance, mountpoint), folder / "look")
    second = None
    if look_twice():
        second = _whole(lambda _: second_look(reader.look(), first, advance), folder / "again")
    found = with_databases(reader, first, second, folder / "look")
    exact = _from_mountpoint(found, first, second)
    try:
        entries = arranged(exact.entries if exact else found.entries)
    except NotWholeError as error:
        raise _unreadable(str(error)) from error
    tar = folder / "volume.tar"
    size = assemble(first.spool, [*_parts(entries, first), END_MARK], tar)
    shutil.rmtree(folder / "look")
    listed = _listed(tar)
    contents = VolumeContents(
        files=listed.files,
        file_bytes=listed.bytes,
        list_sha256=listed.sha256,
        changing=_changing(second, found),
        left_out=(*(exact.untold if exact else ()), *first.left_out),
        outward=tuple(listed.outward),
        databases=found.databases,
        not_databases=found.not_databases,
    )
    return VolumeSnapshot(tar, size, cut(map(_placed, entries)), taken, contents, exact is not None)


def _whole(look: Callable[[Path], _Seen], place: Path) -> _Seen:
    """What a look sees whose stream did not break off, in a folder that is empty for each try."""
    for tries_left in reversed(range(TRIES)):
        place.mkdir(mode=0o700)
        try:
            return look(place)
        except (NotWholeError, StreamBrokenError) as error:
            shutil.rmtree(place)
            if not tries_left:
                raise _unreadable(str(error)) from error
    raise AssertionError("the last try returns or raises")


def _unreadable(why: str) -> SourceError:
    came_back = f"the engine's tar of it is not whole, in {TRIES} tries: {why}"
    return SourceError("reading of the volume", came_back, f"{KEEP_STILL} in invoke.yaml")


def _changing(second: SecondLook | None, found: VolumeDatabases) -> tuple[str, ...]:
    """What was written to, but for databases, which are of one moment all the same."""
    differences = (second.differences if second else {}) | dict.fromkeys(found.vanished, "vanished")
    return tuple(f"{path_text(path)}: {text}" for path, text in sorted(differences.items()) if path not in found.paths)


@dataclass(frozen=True)
class _Exact:
    entries: list[SeenEntry]
    untold: tuple[str, ...]


def _from_mountpoint(found: VolumeDatabases, first: FirstLook, second: SecondLook | None) -> _Exact | None:
    """The entries as the volume's own folder has them, and in words what it did not; None where it is not seen."""
    mountpoint, unsteady = first.mountpoint, second.unsteady if second else set()
    if mountpoint is None:
        return None
    looked_at = first.entries
    if not is_the_volumes(looked_at, unsteady, mountpoint):
        looked_at = looked_beside_again(looked_at, mountpoint)
        if not is_the_volumes(looked_at, unsteady, mountpoint):
            return None
    entries, untold = with_exact(found.entries, looked_at, mountpoint)
    if not untold or mountpoint.owners_told:
        return _Exact(entries, ())
    return _Exact(entries, (f"the owners of what came or went while it was read: {_named(untold)}",))


def _named(paths: tuple[bytes, ...]) -> str:
    told = ", ".join(map(path_text, paths[:_TOLD_PATHS]))
    return told if len(paths) <= _TOLD_PATHS else f"{told} and {len(paths) - _TOLD_PATHS:,} more"


def _parts(entries: list[SeenEntry], first: FirstLook) -> Iterator[Part]:
    """What the tar is made of: what stands in the spool as it must be in the tar, and what does not."""
    headed = {
        seen.spooled.at: completed(seen.entry, seen.there, first.mountpoint) for seen in first.entries if seen.spooled
    }
    for seen in entries:
        if seen.spooled and headed[seen.spooled.at] == seen.entry:
            yield seen.spooled
            continue
        yield header(seen.entry)
        if seen.entry.kind != "file":
            continue
        size = seen.entry.size
        yield SpooledContent(seen.file, size) if seen.file else content_span(seen)
        yield bytes(padded(size) - size)


def _placed(seen: SeenEntry) -> PlacedEntry:
    return PlacedEntry(seen.entry.path, len(header(seen.entry)), padded(seen.entry.size))


def _listed(tar: Path) -> FileList:
    """The list as a drill will read it in the tar, which so is known to be one that can be read."""
    listed = FileList()
    try:
        with tar.open("rb") as file:
            for entry in read_entries(file):
                listed.add(entry)
    except (BackupWrongError, NotCarriedOutError) as error:
        raise SourceError("tar of the volume", f"it does not read as it was written: {error}") from error
    return listed
