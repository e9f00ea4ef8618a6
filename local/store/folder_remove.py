"""How a content leaves a folder: the archive first, so that nothing listed is half gone, and its sidecar last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local.store import layout
from local.store.durable import TEMPORARY_FOLDER, refusals, sync_folder
from local.store.folder_entries import etag_at
from local.store.folder_names import ARCHIVE_SUFFIXES, METADATA_SUFFIX, SIDECAR_SUFFIX, beside, split_name
from local.store.interface import Entry

_BESIDE = (METADATA_SUFFIX, SIDECAR_SUFFIX)
CHANGED = "another run changed it since it was listed"


def remove_file(path: Path, etag: str | None) -> str | None:
    """The archive, then what stands beside it, then its folder if that is empty; why not, or None; StoreError.

    One whose ETag is another than `etag` stays; `etag` None means that the archive is gone already.
    """
    with refusals(f"remove {path}"):
        now = etag_at(path)
        if now is not None and now != etag:
            return CHANGED
        path.unlink(missing_ok=True)
        sync_existing(path.parent)
        for suffix in _BESIDE:
            beside(path, suffix).unlink(missing_ok=True)
    with suppress(OSError):
        # Not empty, or gone.
        path.parent.rmdir()
    return None


def sync_existing(folder: Path) -> None:
    """The folder's names are on the disk, where there is one; OSError."""
    with suppress(FileNotFoundError):
        sync_folder(folder)


def leftovers_under(root: Path, top: Path) -> Iterator[Entry]:
    """What is left beside archives that are gone; an unreadable folder is told by the listing, and has none here."""
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != TEMPORARY_FOLDER]
        names = set(files)
        gone = {archive for name in files if (archive := _archive_of(name)) and archive not in names}
        for archive in sorted(gone):
            name, version = split_name(Path(folder, archive).relative_to(root).as_posix())
            yield Entry(name, 0, layout.EPOCH, version)


def folder_names(top: Path) -> tuple[str, ...]:
    """The folders right under `top`, none where there is no such folder; StoreError."""
    with refusals(f"list {top}"):
        try:
            with os.scandir(top) as found:
                return tuple(sorted(entry.name for entry in found if entry.is_dir() and entry.name != TEMPORARY_FOLDER))
        except FileNotFoundError:
            return ()


def _archive_of(name: str) -> str | None:
    """The archive that a file stands beside; None where it is none of ours."""
    for suffix in _BESIDE:
        archive = name.removesuffix(suffix)
        if archive != name and archive.endswith(ARCHIVE_SUFFIXES):
            return archive
    return None
