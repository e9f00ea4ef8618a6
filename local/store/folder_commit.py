"""How a content gets its place in a folder: the former one is kept beside it, then one rename, then what is derived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from local import clock
from local.store import folder_metadata, layout
from local.store.durable import AtomicFile, refusals
from local.store.folder_entries import entry_at
from local.store.folder_names import SIDECAR_SUFFIX, beside, former_path
from local.store.interface import Entry


def commit_file(root: Path, file: AtomicFile, metadata: Mapping[str, str]) -> None:
    """Keep the target's former content beside it, put the new one in place, and then what is derived of it.

    Killed anywhere, it leaves the former content or the new one, whole; StoreError where the file system refuses.
    """
    former = entry_at(root, file.target)
    # A pipe, or a symlink to nothing, has no content to be kept.
    if former and file.target.is_file():
        _keep_former(root, former, file.target)
    file.put_in_place()
    derive(root, file.target, metadata)


def derive(root: Path, path: Path, metadata: Mapping[str, str]) -> None:
    """The sidecar, and last the metadata, each written where it says something else; StoreError."""
    with refusals(f"read {path}"):
        metadata = folder_metadata.completed(path, metadata)
        target, content = folder_metadata.encoded(path, metadata)
    digest = metadata.get("sha256")
    if digest and digest != folder_metadata.UNREADABLE["sha256"]:
        _write_if_other(root, beside(path, SIDECAR_SUFFIX), layout.sidecar_line(digest, path.name))
    _write_if_other(root, target, content)


def write_whole(root: Path, path: Path, content: bytes) -> None:
    """A small file appears whole or not at all; StoreError."""
    with AtomicFile(root, path) as file:
        file.write(content)
        file.put_in_place()


def _keep_former(root: Path, entry: Entry, path: Path) -> None:
    """The current content under a name with the moment when it was taken; what is kept already is completed."""
    moment = clock.compact_timestamp(_taken(entry))
    kept = former_path(path, moment)
    with refusals(f"keep {path}"):
        metadata = folder_metadata.completed(path, entry.metadata)
        if kept.exists() and not _is_same(kept, path):
            # Two contents of one moment: a clock went back. Neither may be lost.
            kept = former_path(path, f"{moment}-{path.stat().st_ino}")
        is_kept = kept.exists()
    if not is_kept:
        with AtomicFile(root, kept) as file:
            file.link(path)
            file.put_in_place()
    derive(root, kept, metadata)


def _write_if_other(root: Path, path: Path, content: bytes) -> None:
    try:
        same = path.is_file() and path.read_bytes() == content
    except OSError:
        same = False
    if not same:
        write_whole(root, path, content)


def _is_same(kept: Path, path: Path) -> bool:
    """Whether two files hold the same content, at best because they are one file; OSError."""
    return kept.samefile(path) or folder_metadata.digest_of(kept) == folder_metadata.digest_of(path)


def _taken(entry: Entry) -> datetime:
    """When the backup was taken: as its metadata says, else when its file was last changed."""
    try:
        return layout.decode_metadata(entry.metadata).taken or entry.modified
    except ValueError:
        return entry.modified
