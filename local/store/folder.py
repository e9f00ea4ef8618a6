"""The store in a folder: the same layout as in Azure, and every file appears whole or not at all.

A former content of the day is a hard link made before the rename, so keeping it costs no bytes; an unchanged database
is a hard link to the last archive for the same reason. A changed one is written in full: the folder is local, and one
whole plain file is what a person wants to find there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from local import clock
from local.errors import StoreError
from local.store import layout
from local.store.atomic_file import TEMPORARY_PREFIX, AtomicFile, link_or_copy, refused
from local.store.interface import SMALL_BLOB_BYTES, Entry, Link

METADATA_SUFFIX = ".json"


class FolderStore:
    """A folder on this machine (or mounted there) that keeps backups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = root.as_uri()

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every content under `prefix`; a file that vanishes during the walk is not one."""
        top = self._path(prefix)
        if not self.root.is_dir():
            raise StoreError(f"store: list {top}", f"{self.root} is not a folder", "create it, or mend store.url")
        for folder, _, files in os.walk(top, onerror=_raise_unless_gone):
            for file in files:
                path = Path(folder, file)
                if file.startswith(TEMPORARY_PREFIX) or _is_metadata(path):
                    continue
                with suppress(FileNotFoundError):
                    yield self._entry(path)

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
        with AtomicFile(self._path(name)) as file:
            file.write(content)
            file.put_in_place()

    def upload(self, name: str, base: Entry | None) -> FolderUpload:  # noqa: ARG002 - nothing to reuse: see above
        """Begin an archive under `name`; a folder holds no blocks."""
        return FolderUpload(self._path(name))

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """A hard link to `base`'s file, or a copy where the file system has none; returns the bytes copied."""
        with AtomicFile(self._path(name)) as file:
            copied_bytes = file.take(self._file(base))
            _commit(file, metadata)
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

    def _file(self, entry: Entry) -> Path:
        """The file that holds this content."""
        path = self._path(entry.name)
        return path if entry.version is None else path.with_name(f"{path.name}@{entry.version}")

    def _path(self, name: str) -> Path:
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise StoreError(f"store: open {name!r}", "this is no name in the store", "look at what stands there")
        return self.root / name

    def _entry(self, path: Path) -> Entry:
        stat = path.stat()
        name, _, version = path.relative_to(self.root).as_posix().partition("@")
        return Entry(
            name=name,
            size=stat.st_size,
            modified=_modified(stat),
            version=version or None,
            metadata=_read_metadata(path),
        )


class FolderUpload:
    """An archive being written in the folder that it is for."""

    held: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self._file = AtomicFile(path)
        self.sent = 0

    def put(self, block_id: str, data: bytes) -> None:  # noqa: ARG002 - the order is enough here
        """Append the block."""
        self._file.write(data)
        self.sent += len(data)

    def keep(self, block_id: str) -> None:
        """Never called, as nothing is held; StoreError if it is."""
        raise StoreError(f"store: keep {block_id}", "a folder holds no blocks", "report this as a bug")

    def commit(self, metadata: Mapping[str, str]) -> None:
        """Keep the former content beside the new one, then put content and metadata in place."""
        _commit(self._file, metadata)

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


def _commit(file: AtomicFile, metadata: Mapping[str, str]) -> None:
    """Keep the target's former content beside it, then put the new one and its metadata in place."""
    if file.target.exists():
        _keep_former(file.target)
    file.put_in_place()
    _write_metadata(file.target, metadata)


def _keep_former(path: Path) -> None:
    """A hard link under a name with the moment when it was taken; one that is there already is left as it is."""
    metadata = _read_metadata(path)
    kept = path.with_name(f"{path.name}@{clock.compact_timestamp(_taken(path, metadata))}")
    if not kept.exists():
        link_or_copy(path, kept)
        _write_metadata(kept, metadata or _digest_of_sidecar(path))


def _taken(path: Path, metadata: Mapping[str, str]) -> datetime:
    """When the backup was taken: as its metadata says, else when its file was last changed."""
    with suppress(ValueError):
        recorded = layout.decode_metadata(metadata).taken
        if recorded:
            return recorded
    return _modified(path.stat())


def _modified(stat: os.stat_result) -> datetime:
    return datetime.fromtimestamp(stat.st_mtime, UTC)


def _is_metadata(path: Path) -> bool:
    """Whether this file only describes another one, which stands beside it."""
    return path.name.endswith(METADATA_SUFFIX) and path.with_suffix("").exists()


def _write_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    with AtomicFile(path.with_name(path.name + METADATA_SUFFIX)) as file:
        file.write(json.dumps(dict(metadata), indent=1).encode() + b"\n")
        file.put_in_place()


def _read_metadata(path: Path) -> dict[str, str]:
    """What stands beside a data file; a file that is no mapping of texts reads as one that contradicts everything."""
    try:
        content = path.with_name(path.name + METADATA_SUFFIX).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        fields = json.loads(content)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return {"sha256": "unreadable"}
    return {str(key): str(value) for key, value in fields.items()}


def _digest_of_sidecar(path: Path) -> dict[str, str]:
    """The former script kept the digest in the sidecar only, which the new content's will replace."""
    try:
        digest = layout.parse_sidecar(path.with_name(layout.sidecar_name(path.name)).read_bytes())
    except FileNotFoundError:
        digest = None
    return {"sha256": digest} if digest else {}


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise refused("list", error) from error
