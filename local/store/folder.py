"""The store in a folder: the same layout as in Azure, and every file appears whole or not at all.

An archive carries its own record, so content and record appear in one rename; `.sha256` and `.json` are derived of it
and follow, the `.json` last. Where it is not of the archive's record, a run was killed in between: readers then take
what the archive says of itself, and the next run writes both again. A former content of the day, and the same content
of another day, are hard links, which cost no bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from local import clock
from local.errors import PillarError, StoreError
from local.store import folder_metadata, layout
from local.store.durable import TEMPORARY_FOLDER, AtomicFile, refused, sweep
from local.store.folder_lock import HOLDER_FILE, LOCK_FILE, folder_lock
from local.store.folder_names import SIDECAR_SUFFIX, beside, former_path, is_derived, split_name
from local.store.interface import SMALL_BLOB_BYTES, Entry, Link

_OWN_FILES = frozenset({LOCK_FILE, HOLDER_FILE})


class FolderStore:
    """A folder on this machine (or mounted there) that keeps backups."""

    local = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = root.as_uri()

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every content under `prefix`; a file that vanishes during the walk is not one."""
        top = self._path(prefix)
        if not self.root.is_dir():
            raise StoreError(f"store: list {top}", f"{self.root} is not a folder", "create it, or mend store.url")
        for folder, folders, files in os.walk(top, onerror=_raise_unless_gone):
            folders[:] = [name for name in folders if name != TEMPORARY_FOLDER]
            for file in files:
                if file not in _OWN_FILES and not is_derived(file):
                    entry = self._entry(Path(folder, file))
                    if entry:
                        yield entry

    def read(self, name: str) -> bytes | None:
        """A small file's content; None if there is no such file, StoreError if it is larger than SMALL_BLOB_BYTES."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                content = file.read(SMALL_BLOB_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refused(f"read {path}", error) from error
        if len(content) > SMALL_BLOB_BYTES:
            raise StoreError(
                f"store: read {path}", f"it holds more than {SMALL_BLOB_BYTES} bytes", "look at what stands there"
            )
        return content

    def write(self, name: str, content: bytes) -> None:
        """A small file appears whole or not at all."""
        self._write(self._path(name), content)

    def read_range(self, entry: Entry, offset: int, count: int) -> bytes:
        """At most `count` bytes of a content from `offset` on."""
        path = self._file(entry)
        try:
            with path.open("rb") as file:
                if _etag(os.fstat(file.fileno())) != entry.etag:
                    raise StoreError(f"store: read {path}", "it was overwritten meanwhile", "run it again")
                return os.pread(file.fileno(), count, offset)
        except OSError as error:
            raise refused(f"read {path}", error) from error

    def local_path(self, entry: Entry) -> Path | None:
        """The file that holds a content."""
        return self._file(entry)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder's lock, and remove what killed runs of this machine left."""
        with folder_lock(self.root):
            sweep(self.root)
            yield

    def mend(self, entry: Entry) -> Entry:
        """Write sidecar and metadata of a torn content again; as it is where another run is at work or nothing can be
        written.
        """
        path = self._file(entry)
        try:
            with self.lock():
                self._derive(path, folder_metadata.of_torn(path, entry.metadata))
        except PillarError:
            return entry
        return self._entry(path) or entry

    def upload(self, name: str, base: Entry | None) -> FolderUpload:  # noqa: ARG002 - its bytes are given again
        """Begin an archive under `name`, which is written in full: one whole plain file is what a person wants here."""
        return FolderUpload(self, AtomicFile(self.root, self._path(name)))

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """New metadata, and for another day a hard link to `base`'s file, or a copy where there are none."""
        path = self._path(name)
        copied_bytes = 0
        if base.name != name:
            with AtomicFile(self.root, path) as file:
                copied_bytes = file.link(self._file(base))
                self.put(file, metadata)
        else:
            self._derive(path, metadata)
        return copied_bytes

    def put(self, file: AtomicFile, metadata: Mapping[str, str]) -> None:
        """Keep the target's former content beside it, put the new one in place, and then what is derived of it."""
        if file.target.exists():
            self._keep_former(file.target)
        file.put_in_place()
        self._derive(file.target, metadata)

    def link(self, entry: Entry, seconds: int) -> str:  # noqa: ARG002 - a path needs no expiry
        """The file's URL; whoever may read the folder may read it."""
        return self._file(entry).as_uri()

    def link_here(self, entry: Entry, seconds: int) -> Link:
        """The same: the path is this machine's."""
        return Link(self.link(entry, seconds))

    @property
    def links_may_travel(self) -> bool:
        """Never: no other machine has this path."""
        return False

    def _derive(self, path: Path, metadata: Mapping[str, str]) -> None:
        """The sidecar, and last the metadata, each written where it says something else."""
        digest = metadata.get("sha256")
        if digest:
            self._write_if_other(beside(path, SIDECAR_SUFFIX), layout.sidecar_line(digest, path.name))
        target, content = folder_metadata.encoded(path, metadata)
        self._write_if_other(target, content)

    def _keep_former(self, path: Path) -> None:
        """The current content under a name with the moment when it was taken; what is kept already is completed."""
        entry = self._entry(path)
        if entry is None:
            return
        metadata = dict(entry.metadata)
        if "sha256" not in metadata:
            metadata = folder_metadata.of_torn(path, metadata)
        kept = former_path(path, clock.compact_timestamp(_taken(entry)))
        if not kept.exists():
            with AtomicFile(self.root, kept) as file:
                file.link(path)
                file.put_in_place()
        elif not kept.samefile(path) and folder_metadata.digest_of(kept) != folder_metadata.digest_of(path):
            # Two contents of one moment: a clock went back. Neither may be lost.
            kept = former_path(path, f"{clock.compact_timestamp(_taken(entry))}-{path.stat().st_ino}")
            with AtomicFile(self.root, kept) as file:
                file.link(path)
                file.put_in_place()
        self._derive(kept, metadata)

    def _write(self, path: Path, content: bytes) -> None:
        with AtomicFile(self.root, path) as file:
            file.write(content)
            file.put_in_place()

    def _write_if_other(self, path: Path, content: bytes) -> None:
        try:
            same = path.read_bytes() == content
        except OSError:
            same = False
        if not same:
            self._write(path, content)

    def _file(self, entry: Entry) -> Path:
        path = self._path(entry.name)
        return path if entry.version is None else former_path(path, entry.version)

    def _path(self, name: str) -> Path:
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise StoreError(f"store: open {name!r}", "this is no name in the store", "look at what stands there")
        return self.root / name

    def _entry(self, path: Path) -> Entry | None:
        """What stands at `path`; None if it is gone. A file that can't be read is an entry that contradicts itself."""
        name, version = split_name(path.relative_to(self.root).as_posix())
        try:
            found = path.stat()
        except FileNotFoundError:
            if not path.is_symlink():
                return None
            return Entry(name, 0, layout.EPOCH, version, folder_metadata.UNREADABLE)
        except OSError:
            return Entry(name, 0, layout.EPOCH, version, folder_metadata.UNREADABLE)
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return Entry(name, found.st_size, modified, version, folder_metadata.read(path), _etag(found))


class FolderUpload:
    """An archive being written in the folder that it is for."""

    base_blocks: tuple[str, ...] = ()

    def __init__(self, store: FolderStore, file: AtomicFile) -> None:
        self._store = store
        self._file = file
        self._begun = False
        self.sent = 0

    def send(self, data: bytes) -> None:
        """Append the bytes."""
        if not self._begun:
            self._file.__enter__()
            self._begun = True
        self._file.write(data)
        self.sent += len(data)

    def reuse(self, offset: int, data: bytes) -> None:  # noqa: ARG002 - written again, wherever they stand
        """Append the bytes."""
        self.send(data)

    def commit(self, metadata: Mapping[str, str]) -> tuple[str, ...]:
        """Keep the former content beside the new one, then put the new one in place."""
        self._store.put(self._file, metadata)
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun:
            self._file.__exit__(kind, error, trace)


def _etag(found: os.stat_result) -> str:
    """Names one content of a file: a rename into place changes it, a hard link does not."""
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def _taken(entry: Entry) -> datetime:
    """When the backup was taken: as its metadata says, else when its file was last changed."""
    try:
        return layout.decode_metadata(entry.metadata).taken or entry.modified
    except ValueError:
        return entry.modified


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise refused("list", error) from error
