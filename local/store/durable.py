"""Bytes that are on the disk when a call returns, and a file that appears whole or not at all.

On macOS fsync hands the bytes to the drive and does not wait for them; F_FULLFSYNC does, as SQLite's own `fullfsync`
(https://developer.apple.com/library/archive/documentation/System/Conceptual/ManPages_iPhoneOS/man2/fsync.2.html).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from local.errors import StoreError
from local.interrupt import if_abandoned

# What is being written, or was left by a crash, stands in this folder of the store and nowhere else.
TEMPORARY_FOLDER = ".pillar9-new"
FILE_MODE = 0o600
FOLDER_MODE = 0o700
FORGOTTEN_SECONDS = 7 * 24 * 3600
_COPY_BYTES = 8 * 1024 * 1024
# What file systems without the call answer (SMB, exFAT, some FUSE): nothing more can be done there.
_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOTTY, errno.EBADF, errno.EACCES, errno.EPERM})


def sync_file(descriptor: int) -> None:
    """The file's bytes are on the disk; OSError where the disk fails."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(descriptor, full)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
        else:
            return
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """The folder's names are on the disk, where its file system can say so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync_file(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Put `content` in the place of the file by one rename: it is whole, or as it was before, whatever ends this.

    For a small file of this machine's own, in a folder that is there; OSError where that is refused.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    with if_abandoned(partial(temporary.unlink, missing_ok=True)):
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                file.write(content)
                file.flush()
                sync_file(descriptor)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def sweep_replacements(path: Path) -> None:
    """Remove what killed calls of `replace_file` left beside the file; for whoever alone may replace it now."""
    for left in path.parent.glob(f".{path.name}-*"):
        left.unlink(missing_ok=True)


class AtomicFile:
    """A file being written in the store's own folder for that; gone unless it is put in place."""

    file: BinaryIO

    def __init__(self, root: Path, target: Path) -> None:
        self.target = target
        self._root = root
        self._temporary = root / TEMPORARY_FOLDER / f"{_process_mark()}-{secrets.token_hex(8)}"

    def write(self, data: bytes) -> None:
        """Append `data`; StoreError where the file system refuses it."""
        try:
            self.file.write(data)
        except OSError as error:
            raise refused(f"write {self.target}", error) from error

    def link(self, source: Path) -> int:
        """Hold the content of `source` instead: a hard link, or a copy where there are none; the bytes copied."""
        try:
            self._temporary.unlink()
            os.link(source, self._temporary)
        except FileNotFoundError as error:
            raise refused(f"read {source}", error) from error
        except OSError:
            # exFAT, SMB and some FUSE file systems have no hard links, and each says so with another errno.
            return self._copy(source)
        self.file.close()
        return 0

    def put_in_place(self) -> None:
        """The file's bytes reach the disk before its name does, so a crash shows the old content or the new one."""
        try:
            if not self.file.closed:
                self.file.flush()
                sync_file(self.file.fileno())
                self.file.close()
            self._temporary.replace(self.target)
            sync_folder(self.target.parent)
        except OSError as error:
            raise refused(f"write {self.target}", error) from error

    def __enter__(self) -> Self:
        try:
            make_folders(self._root, self._temporary.parent)
            make_folders(self._root, self.target.parent)
            self.file = self._open()
        except OSError as error:
            raise refused(f"write {self.target}", error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing writes what is buffered, which a full disk refuses; the file goes in any case, or the next run sweeps.
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        return os.fdopen(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb")

    def _copy(self, source: Path) -> int:
        try:
            self._temporary.unlink(missing_ok=True)
            self.file.close()
            self.file = self._open()
            copied = 0
            with source.open("rb") as opened:
                while data := opened.read(_COPY_BYTES):
                    self.file.write(data)
                    copied += len(data)
        except OSError as error:
            raise refused(f"copy {source}", error) from error
        return copied


def make_folders(root: Path, folder: Path) -> None:
    """The folder and those between `root` and it, for nobody else's eyes; `mkdir -p` would follow the umask."""
    if folder != root and not folder.is_dir():
        make_folders(root, folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
        sync_folder(folder.parent)


def sweep(root: Path) -> None:
    """Remove what processes of this machine left that are no more, and what other machines left a week ago.

    The folder itself stays: another process may be about to open its file there.
    """
    with contextlib.suppress(OSError):
        for path in (root / TEMPORARY_FOLDER).iterdir():
            if _is_left_over(path):
                path.unlink(missing_ok=True)


def _is_left_over(path: Path) -> bool:
    host, _, process = path.name.rpartition("-")[0].rpartition("-")
    if host == _host() and process.isdecimal():
        return not _is_running(int(process))
    return time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS


@contextlib.contextmanager
def refusals(doing: str) -> Iterator[None]:
    """What the file system refuses in here, as an error of the store."""
    try:
        yield
    except OSError as error:
        raise refused(doing, error) from error


def refused(doing: str, error: OSError) -> StoreError:
    """What the file system refused, as an error of the store."""
    return StoreError(f"store: {doing}", error.strerror or str(error), "check the folder's rights and its free space")


def _process_mark() -> str:
    return f"{_host()}-{os.getpid()}"


def _host() -> str:
    return "".join(character for character in socket.gethostname() if character.isalnum()) or "host"


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
