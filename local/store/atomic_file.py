"""A file that appears whole or not at all: written aside under a name of its own, then renamed into place."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from local.errors import StoreError

# Whoever lists a folder passes over names that begin so: files being written, or left by a crash.
TEMPORARY_PREFIX = ".pillar9-"


class AtomicFile:
    """A file being written in its target's folder, on the same file system; gone unless it is put in place."""

    file: BinaryIO

    def __init__(self, target: Path) -> None:
        self.target = target
        self._temporary = target.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")

    def write(self, data: bytes) -> None:
        """Append `data`; StoreError where the file system refuses it."""
        try:
            self.file.write(data)
        except OSError as error:
            raise refused(f"write {self.target}", error) from error

    def take(self, source: Path) -> int:
        """Hold the content of `source` instead of what was written; returns the bytes copied, as `link_or_copy`."""
        self.file.close()
        self._temporary.unlink()
        return link_or_copy(source, self._temporary)

    def put_in_place(self) -> None:
        """The file's bytes reach the disk before its name does, so a crash shows the old content or the new one."""
        try:
            if not self.file.closed:
                self.file.flush()
                os.fsync(self.file.fileno())
                self.file.close()
            self._temporary.replace(self.target)
            _sync_folder(self.target.parent)
        except OSError as error:
            raise refused(f"write {self.target}", error) from error

    def __enter__(self) -> Self:
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.file = self._temporary.open("xb")
        except OSError as error:
            raise refused(f"write {self.target}", error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self._temporary.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> int:
    """Make `target` a hard link to `source`, or a copy where the file system has none; returns the bytes copied."""
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise refused(f"read {source}", error) from error
    except OSError:
        # exFAT, SMB and some FUSE file systems have no hard links, and each says so with another errno.
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise refused(f"copy {source}", error) from error
        return target.stat().st_size
    return 0


def refused(doing: str, error: OSError) -> StoreError:
    """What the file system refused, as an error of the store."""
    return StoreError(f"store: {doing}", error.strerror or str(error), "check the folder's rights and its free space")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
