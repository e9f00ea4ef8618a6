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
from pathlib import Path

from local.drill_program.download import file_etag
from local.errors import PillarError, StoreError
from local.store import folder_metadata
from local.store.durable import AtomicFile, refusals, refused, sweep
from local.store.folder_commit import commit_file, derive, write_whole
from local.store.folder_entries import entries_under, entry_at, etag_at
from local.store.folder_lock import folder_lock
from local.store.folder_names import former_path
from local.store.folder_remove import folder_names, leftovers_under, remove_file
from local.store.folder_root import check_root
from local.store.folder_upload import FolderUpload
from local.store.interface import SMALL_BLOB_BYTES, Entry, Link
from local.store.regular_file import open_regular


class FolderStore:
    """A folder on this machine (or mounted there) that keeps backups."""

    local = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = root.as_uri()

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """Every content under `prefix` that goes on with `beginning`; a file that vanishes during the walk is none."""
        yield from entries_under(self.root, self._top(prefix), beginning)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The folders right under `prefix`."""
        return folder_names(self._top(prefix))

    def remove(self, entry: Entry) -> str | None:
        """The archive, then its `.json`, then its `.sha256`; the day's folder with its last file."""
        return remove_file(self._file(entry), entry.etag)

    def leftovers(self, prefix: str) -> Iterator[Entry]:
        """What is left beside archives that are gone."""
        return leftovers_under(self.root, self._top(prefix))

    def afterlife(self) -> str:
        """Nothing stays; a file that several days share goes with the last of its names."""
        return ""

    def read(self, name: str) -> bytes | None:
        """A small file's content; None if there is no such file, StoreError if it is larger than SMALL_BLOB_BYTES."""
        path = self._path(name)
        try:
            with open_regular(path) as file:
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
        write_whole(self.root, self._path(name), content)

    def read_range(self, entry: Entry, offset: int, count: int) -> bytes:
        """At most `count` bytes of a content from `offset` on."""
        path = self._file(entry)
        with refusals(f"read {path}"), path.open("rb") as file:
            if file_etag(os.fstat(file.fileno())) != entry.etag:
                raise _overwritten(path)
            return os.pread(file.fileno(), count, offset)

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
        if not folder_metadata.is_torn(entry.metadata):
            return entry
        try:
            with self.lock():
                now = entry_at(self.root, path)
                if now is None or now.etag != entry.etag:
                    return entry
                derive(self.root, path, now.metadata)
        except PillarError:
            return entry
        return entry_at(self.root, path) or entry

    def discard(self, unfinished: Entry) -> None:
        """Nothing: what is not whole stands in a folder of its own here, which each run clears."""

    def upload(self, name: str, base: Entry | None) -> FolderUpload:  # noqa: ARG002 - its bytes are given again
        """Begin an archive under `name`, which is written in full: one whole plain file is what a person wants here."""
        return FolderUpload(self.root, self._path(name))

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """New metadata, and for another day a hard link to `base`'s file, or a copy where there are none."""
        path, source = self._path(name), self._file(base)
        with refusals(f"look at {source}"):
            if etag_at(source) != base.etag:
                raise _overwritten(source)
        if base.name == name and base.version is None:
            derive(self.root, path, metadata)
            return 0
        with AtomicFile(self.root, path) as file:
            copied_bytes = file.link(source)
            commit_file(self.root, file, metadata)
        return copied_bytes

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

    def inbox(self, folder: str) -> None:  # noqa: ARG002 - whichever it is
        """None: no other machine reaches a folder of this one."""
        return

    def _file(self, entry: Entry) -> Path:
        path = self._path(entry.name)
        return path if entry.version is None else former_path(path, entry.version)

    def _top(self, prefix: str) -> Path:
        """Where a prefix stands; StoreError where the store's own folder is gone, as a drive that is not mounted is."""
        check_root(self.root)
        return self._path(prefix)

    def _path(self, name: str) -> Path:
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise StoreError(f"store: open {name!r}", "this is no name in the store", "look at what stands there")
        return self.root / name


def _overwritten(path: Path) -> StoreError:
    return StoreError(f"store: read {path}", "it was overwritten meanwhile", "run it again")
