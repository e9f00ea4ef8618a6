"""Which contents a folder holds, read while another run may be committing: no sound one is missed, none is mixed.

A former content appears before the current one is replaced, so names that came up during the look are looked at too;
and whatever is told of a content is read through one opening of its file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from local.drill_program.download import file_etag
from local.store import folder_metadata, layout
from local.store.durable import TEMPORARY_FOLDER, refused
from local.store.folder_lock import HOLDER_FILE, LOCK_FILE
from local.store.folder_names import is_derived, split_name
from local.store.interface import Entry
from local.store.regular_file import open_regular

_OWN_FILES = frozenset({LOCK_FILE, HOLDER_FILE})
# How often a file is opened again that was replaced while it was read: commits are minutes apart.
_LOOKS = 5


def entries_under(root: Path, top: Path, beginning: str = "") -> Iterator[Entry]:
    """Every content under `top` whose name there begins so, each folder's sorted by name.

    StoreError where a folder can't be listed; one that vanishes is not one.
    """
    for folder, folders, _ in os.walk(top, onerror=_raise_unless_gone):
        is_top = folder == str(top)
        folders[:] = sorted(
            name for name in folders if name != TEMPORARY_FOLDER and (not is_top or name.startswith(beginning))
        )
        yield from _entries_in(root, Path(folder), beginning if is_top else "")


def _entries_in(root: Path, folder: Path, beginning: str) -> list[Entry]:
    """What stands right in a folder; what was renamed meanwhile, as a commit does, is found by looking again."""
    found: list[Entry] = []
    seen: set[str] = set()
    while new := {name for name in _files(folder) if split_name(name)[0].startswith(beginning)} - seen:
        seen |= new
        entries = [entry_at(root, Path(folder, name)) for name in sorted(new)]
        found += [entry for entry in entries if entry]
    return sorted(found, key=lambda entry: entry.name)


def entry_at(root: Path, path: Path) -> Entry | None:
    """What stands at `path`; None if it is gone. A file that can't be read is an entry that contradicts itself."""
    name, version = split_name(path.relative_to(root).as_posix())
    try:
        return _read(name, version, path)
    except FileNotFoundError:
        if not path.is_symlink():
            return None
    except OSError:
        pass
    return Entry(name, 0, layout.EPOCH, version, folder_metadata.UNREADABLE)


def etag_at(path: Path) -> str | None:
    """The ETag of what stands at `path` now; None if nothing does, a symlink that leads nowhere included; OSError."""
    try:
        return file_etag(path.stat())
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def _read(name: str, version: str | None, path: Path) -> Entry:
    for look in range(_LOOKS):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            # To open a pipe would wait for whoever writes into it.
            raise OSError("no regular file")
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            metadata = folder_metadata.read(path, file, found.st_size)
        if etag_at(path) == file_etag(found) or look == _LOOKS - 1:
            break
    return Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), version, metadata, file_etag(found))


def _files(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as found:
            names = {entry.name for entry in found if entry.is_symlink() or not entry.is_dir()}
    except OSError as error:
        _raise_unless_gone(error)
        return set()
    return {name for name in names if name not in _OWN_FILES and not is_derived(name)}


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise refused(f"list {error.filename}", error) from error
