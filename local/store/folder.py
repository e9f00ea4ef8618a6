"""The store in a folder: the same layout as in Azure, and every file appears whole or not at all.

A former content of the day is a hard link made before the rename, so keeping it costs no bytes; an unchanged database
is a hard link to the last archive for the same reason. A changed one is written in full: the folder is local, and one
whole plain file is what a person wants to find there.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from local import clock
from local.errors import StoreError
from local.store import layout
from local.store.interface import SMALL_BLOB_BYTES, Entry

ASIDE = ".pillar9-"
METADATA = ".json"


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
        for folder, _, files in os.walk(top, onerror=_raise):
            for file in files:
                path = Path(folder, file)
                if file.startswith(ASIDE) or (file.endswith(METADATA) and path.with_suffix("").exists()):
                    continue
                with suppress(FileNotFoundError):
                    yield self._entry(path)

    def read(self, name: str) -> bytes | None:
        """A small file's content; None if there is no such file."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                content = file.read(SMALL_BLOB_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(f"read {path}", error) from error
        if len(content) > SMALL_BLOB_BYTES:
            raise StoreError(
                f"store: read {path}", f"it holds more than {SMALL_BLOB_BYTES} bytes", "look at what stands there"
            )
        return content

    def write(self, name: str, content: bytes) -> None:
        """A small file appears whole or not at all."""
        path = self._path(name)
        with _Aside(path) as aside:
            aside.file.write(content)
            aside.rename()

    def upload(self, name: str, base: Entry | None) -> FolderUpload:  # noqa: ARG002 - nothing to reuse: see above
        """Begin an archive under `name`; a folder holds no blocks."""
        return FolderUpload(self, self._path(name))

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """A hard link to `base`'s file, or a copy where the file system has none."""
        path = self._path(name)
        source = self.file(base)
        with _Aside(path) as aside:
            aside.file.close()
            aside.path.unlink()
            sent = _link_or_copy(source, aside.path)
            self.publish(path, aside.rename, metadata)
        return sent

    def link(self, entry: Entry, seconds: int) -> str:  # noqa: ARG002 - a path needs no expiry
        """The file's URL; whoever may read the folder may read it."""
        return self.file(entry).as_uri()

    @property
    def links_may_travel(self) -> bool:
        """Never: no other machine has this path."""
        return False

    def file(self, entry: Entry) -> Path:
        """The file that holds this content."""
        path = self._path(entry.name)
        return path if entry.version is None else path.with_name(f"{path.name}@{entry.version}")

    def publish(self, path: Path, rename: Callable[[], None], metadata: Mapping[str, str]) -> None:
        """Keep the former content beside the new one, then put content and metadata in place."""
        if path.exists():
            former = self._entry(path)
            kept = path.with_name(f"{path.name}@{clock.compact_timestamp(_taken(former))}")
            if not kept.exists():
                _link_or_copy(path, kept)
                _write_metadata(kept, former.metadata or _digest_of_sidecar(path))
        rename()
        _write_metadata(path, metadata)

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
            modified=datetime.fromtimestamp(stat.st_mtime, UTC),
            version=version or None,
            metadata=_read_metadata(path),
        )


class FolderUpload:
    """An archive being written aside in its own folder."""

    held: tuple[str, ...] = ()

    def __init__(self, store: FolderStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._aside = _Aside(path)
        self.sent = 0

    def put(self, block_id: str, data: bytes) -> None:  # noqa: ARG002 - the order is enough here
        """Append the block."""
        try:
            self._aside.file.write(data)
        except OSError as error:
            raise _refused(f"write {self._path}", error) from error
        self.sent += len(data)

    def keep(self, block_id: str) -> None:
        """Never called: nothing is held."""
        raise StoreError(f"store: keep {block_id}", "a folder holds no blocks", "report this as a bug")

    def commit(self, metadata: Mapping[str, str]) -> None:
        """Flush to the disk, then rename into place."""
        self._store.publish(self._path, self._aside.rename, metadata)

    def __enter__(self) -> Self:
        self._aside.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._aside.__exit__(kind, error, trace)


class _Aside:
    """A file being written beside its future place, on the same file system; gone unless it is renamed."""

    file: BinaryIO

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f"{ASIDE}{secrets.token_hex(8)}")

    def rename(self) -> None:
        """The file's bytes reach the disk before its name does, so a crash shows the old content or the new one."""
        try:
            if not self.file.closed:
                self.file.flush()
                os.fsync(self.file.fileno())
                self.file.close()
            self.path.replace(self._target)
            _sync_folder(self._target.parent)
        except OSError as error:
            raise _refused(f"write {self._target}", error) from error

    def __enter__(self) -> Self:
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("xb")
        except OSError as error:
            raise _refused(f"write {self._target}", error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self.path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_or_copy(source: Path, target: Path) -> int:
    """The bytes that were copied: none where the file system links."""
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise _refused(f"read {source}", error) from error
    except OSError:
        # exFAT, SMB and some FUSE file systems have no hard links, and each says so with another errno.
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise _refused(f"copy {source}", error) from error
        return target.stat().st_size
    return 0


def _write_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    target = path.with_name(path.name + METADATA)
    with _Aside(target) as aside:
        aside.file.write(json.dumps(dict(metadata), indent=1).encode() + b"\n")
        aside.rename()


def _read_metadata(path: Path) -> dict[str, str]:
    """What stands beside a data file; a file that is no mapping of texts reads as one that contradicts everything."""
    try:
        content = path.with_name(path.name + METADATA).read_bytes()
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


def _taken(entry: Entry) -> datetime:
    try:
        return layout.decode_metadata(entry.metadata).taken or entry.modified
    except ValueError:
        return entry.modified


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise _refused("list", error) from error


def _refused(doing: str, error: OSError) -> StoreError:
    return StoreError(f"store: {doing}", error.strerror or str(error), "check the folder's rights and its free space")
