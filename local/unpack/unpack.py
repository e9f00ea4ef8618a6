"""The way from a tar file to a folder that holds what is in it, on the disk and proven by reading it back."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.file_list import FileList
from local.drill_program.tar_entries import read_entries
from local.errors import InconclusiveError
from local.store.durable import sync_file
from local.unpack.attributes import Unkept, without_inherited_lists
from local.unpack.folders import OPEN_FOLDER, OpenFolders, refused
from local.unpack.read_back import TreeReader
from local.unpack.refusals import not_unpacked
from local.unpack.write import TreeWriter


@dataclass(frozen=True)
class Unpacked:
    """What stands there: entries, bytes in files, the digest of their list, and what this machine did not keep."""

    files: int
    bytes: int
    list_sha256: str
    unkept: Unkept


def unpack(tar: Path, folder: Path, advance: Callable[[str, int], None]) -> Unpacked:
    """Unpack a tar file into the new folder, which is private until the last; nothing outside of it is touched.

    Owners are given as root only. `advance` hears at which step it is ("unpack", "read back") and how many bytes it got
    further. Raises StoreError where the tar is not what a backup holds, or the disk gives back something else than was
    written, InconclusiveError where this machine cannot hold what is in it. What is there then the caller removes.
    """
    try:
        folder.mkdir(mode=0o700)
        without_inherited_lists(folder)
        root = os.open(folder, OPEN_FOLDER)
        folders = OpenFolders(root)
        try:
            return _unpacked(tar, folders, root, advance)
        finally:
            folders.close()
            os.close(root)
    except BackupWrongError as error:
        raise refused(str(error)) from error
    except NotCarriedOutError as error:
        raise InconclusiveError("restore: unpack the tar", str(error), "unpack it by hand: docs/restore.md") from error
    except OSError as error:
        raise not_unpacked(f"{folder}: {error.strerror}") from error


def _unpacked(tar: Path, folders: OpenFolders, root: int, advance: Callable[[str, int], None]) -> Unpacked:
    with tar.open("rb") as file:
        listed, writer = FileList(), TreeWriter(file, folders, lambda count: advance("unpack", count))
        for entry in read_entries(file):
            listed.add(entry)
            writer.add(entry)
        sync_tree(root)
        again, reader = FileList(), TreeReader(file, folders, lambda count: advance("read back", count))
        for entry in read_entries(file):
            again.add(entry)
            reader.add(entry)
        if again.sha256 != listed.sha256:
            raise refused("it changed while it was unpacked")
        reader.finish(writer)
        sync_tree(root)
    return Unpacked(listed.files, listed.bytes, listed.sha256, reader.unkept)


def sync_tree(root: int) -> None:
    """All that was written below the open folder is on the disk; its own file system alone is waited for, on Linux.

    There, one call for all of it (https://man7.org/linux/man-pages/man2/syncfs.2.html) instead of one a file.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
    elif syncfs(root) != 0:
        number = ctypes.get_errno()
        raise not_unpacked(f"the disk took not all of it: {os.strerror(number)}")
    sync_file(root)
