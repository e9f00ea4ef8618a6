"""The two looks at a volume: the first keeps what it sees on disk, the second only compares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry
from local.volumes.canonical import header
from local.volumes.changing import difference
from local.volumes.exact import agrees, completed
from local.volumes.mounted_folder import MountedFolder
from local.volumes.mountpoint import Mountpoint
from local.volumes.seen import (
    DEVICES,
    JOURNAL,
    SHM,
    WAL,
    Digesting,
    SeenEntry,
    in_volume,
    is_database,
    may_be_sqlites,
    own_file,
)
from local.volumes.spool import Span, SpoolFile
from local.volumes.tar_stream import TarStream
from local.volumes.wal_start import lasting_bytes

_PIECE_BYTES = 1 << 20
Advance = Callable[[int], None]


@dataclass(frozen=True)
class FirstLook:
    """All that is kept of a volume, in the engine's order, and what is not, for a person.

    The spool has each header as the volume's tar has it, and the content behind it; SQLite's databases, and what
    belongs to them, are in files of their own. A header has what the folder at `mountpoint` says of the entry, where
    that agrees.
    """

    spool: Path
    entries: tuple[SeenEntry, ...]
    left_out: tuple[str, ...]
    mountpoint: Mountpoint | None = None


@dataclass(frozen=True)
class SecondLook:
    """What is otherwise than the first look saw it, by path, and what SQLite may need, as it is now.

    `other_names` are the folders whose time says that names came to them, or went: no difference of their own.
    """

    differences: dict[bytes, str] = field(default_factory=dict)
    sqlites: dict[bytes, SeenEntry] = field(default_factory=dict)
    other_names: set[bytes] = field(default_factory=set)

    @property
    def unsteady(self) -> set[bytes]:
        """The paths of all that was written to between the two looks."""
        return self.differences.keys() | self.other_names


def first_look(
    chunks: Iterable[bytes], folder: Path, advance: Advance, mountpoint: Mountpoint | None = None
) -> FirstLook:
    """Keep what comes in `folder`, which is empty; NotWholeError where it is no whole tar of a volume.

    Each entry is looked for at `mountpoint` when its header comes, unless the volume's own folder does not agree.
    """
    stream = TarStream(_counted(chunks, advance))
    entries: list[SeenEntry] = []
    left_out: list[str] = []
    databases: set[bytes] = set()
    with SpoolFile(folder / "spool") as spool, MountedFolder(mountpoint) as mounted:
        for entry in _without_devices(stream, left_out):
            if is_database(stream, entry):
                databases.add(entry.path)
            own = entry.kind == "file" and (entry.path in databases or database_of(entry.path) in databases)
            file = own_file(folder, entry.path) if own else None
            seen = SeenEntry(entry, is_database=entry.path in databases, there=mounted.entry(entry.path))
            entries.append(_kept(stream, seen, completed(entry, seen.there, mountpoint), spool, file))
    return FirstLook(spool.path, tuple(entries), tuple(left_out), mountpoint)


def second_look(chunks: Iterable[bytes], first: FirstLook, advance: Advance) -> SecondLook:
    """Compare what comes with what the first look saw; NotWholeError where it is no whole tar of a volume."""
    stream = TarStream(_counted(chunks, advance))
    before = {seen.entry.path: seen for seen in first.entries}
    found = SecondLook()
    for entry in _without_devices(stream, []):
        earlier = before.pop(entry.path, None)
        seen = looked_at(stream, entry, earlier)
        if seen.sha256:
            found.sqlites[entry.path] = seen
        if text := difference(earlier, seen):
            found.differences[entry.path] = text
        elif earlier and earlier.entry.mtime_ns != entry.mtime_ns:
            found.other_names.add(entry.path)
    found.differences.update((path, "vanished") for path in before)
    return found


def looked_beside_again(entries: Sequence[SeenEntry], mountpoint: Mountpoint) -> tuple[SeenEntry, ...]:
    """What did not agree looked for anew: it may have been away for a moment. None is, where the volume's root did not.

    What the spool has as their headers stays as it is.
    """
    if not agrees(entries[0].entry, entries[0].there, mountpoint):
        return tuple(entries)
    with MountedFolder(mountpoint) as mounted:
        return tuple(
            seen if agrees(seen.entry, seen.there, mountpoint) else replace(seen, there=mounted.entry(seen.entry.path))
            for seen in entries
        )


def looked_at(stream: TarStream, entry: TarEntry, earlier: SeenEntry | None) -> SeenEntry:
    """The entry at which the stream stands, of which nothing is kept."""
    database = is_database(stream, entry)
    for_sqlite = entry.kind == "file" and (database or may_be_sqlites(entry.path) or bool(earlier and earlier.sha256))
    digesting = Digesting(for_sqlite, earlier.start_bytes if earlier else 0)
    for _ in digesting.of(stream.content()):
        pass
    found = digesting.digests()
    return SeenEntry(entry, found.check_sums, database, found.sha256, found.start_sha256)


def kept_in_file(stream: TarStream, entry: TarEntry, file: Path, database: bool) -> SeenEntry:
    """The entry at which the stream stands, its content in a new file."""
    digesting = Digesting(for_sqlite=True)
    with SpoolFile(file) as target:
        for piece in digesting.of(stream.content()):
            target.write(piece)
    found = digesting.digests()
    seen = SeenEntry(entry, found.check_sums, database, found.sha256, file=file)
    if not entry.path.endswith(WAL):
        return seen
    start_bytes = lasting_bytes(file)
    return replace(seen, start_bytes=start_bytes, start_sha256=_start_sha256(file, start_bytes))


def _start_sha256(file: Path, size: int) -> bytes:
    digest, left = hashlib.sha256(), size
    with file.open("rb") as content:
        while left and (piece := content.read(min(left, _PIECE_BYTES))):
            digest.update(piece)
            left -= len(piece)
    return digest.digest()


def database_of(path: bytes) -> bytes:
    """The database beside which SQLite would keep a file of this name; empty where it would not."""
    return next((path[: -len(end)] for end in (WAL, SHM, JOURNAL) if path.endswith(end)), b"")


def _kept(stream: TarStream, seen: SeenEntry, heading: TarEntry, spool: SpoolFile, file: Path | None) -> SeenEntry:
    if file:
        return replace(kept_in_file(stream, seen.entry, file, seen.is_database), there=seen.there)
    digesting = Digesting(seen.entry.kind == "file" and may_be_sqlites(seen.entry.path))
    start = spool.at
    spool.write(header(heading))
    spool.write_padded(digesting.of(stream.content()))
    found = digesting.digests()
    spooled = Span(start, spool.at - start)
    return replace(
        seen,
        check_sums=found.check_sums,
        sha256=found.sha256,
        start_sha256=found.start_sha256,
        spooled=spooled,
    )


def _without_devices(stream: TarStream, left_out: list[str]) -> Iterator[TarEntry]:
    """The entries that are kept; the others, and their other names, are told in `left_out`."""
    devices: dict[bytes, str] = {}
    for entry in in_volume(stream):
        kind = devices.get(entry.link) if entry.kind == "hard link" else entry.kind
        if kind in DEVICES:
            devices[entry.path] = kind
            left_out.append(f"{path_text(entry.path)}: a {kind}")
        else:
            yield entry


def _counted(chunks: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
    for chunk in chunks:
        advance(len(chunk))
        yield chunk
