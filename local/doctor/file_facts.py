"""What a database's file and its folder are, found out by a process that can be ended: facts, or that it hangs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from local.typed import from_json

_PROGRAM = Path(__file__).with_name("file_probe.py")
FILE_SECONDS = 10.0
_ENDING_SECONDS = 2.0

T = TypeVar("T", bound=msgspec.Struct)


class FileFacts(msgspec.Struct, frozen=True):
    """A file behind its symlinks: its size with that of its -wal, the first bytes, and what could not be looked at.

    `errno` is the operating system's, of `refused`; `regular` is None where the file could not be looked at.
    """

    real: str
    regular: bool | None = None
    size_bytes: int = 0
    header: str = ""
    errno: int | None = None
    refused: str = ""


class FolderFacts(msgspec.Struct, frozen=True):
    """The SQLite databases in a folder, each with its device and inode; `cut`: there are more files than looked at."""

    databases: dict[str, str]
    unread: int = 0
    cut: bool = False
    errno: int | None = None


class HangsError(Exception):
    """The file system gave no answer in time."""


def look_at_file(path: Path, limit_seconds: float = FILE_SECONDS) -> FileFacts:
    """The facts of one file; HangsError."""
    return _ask("file", path, FileFacts, limit_seconds)


def look_at_folder(path: Path, limit_seconds: float = FILE_SECONDS) -> FolderFacts:
    """The databases in a folder; HangsError."""
    return _ask("folder", path, FolderFacts, limit_seconds)


def _ask(kind: str, path: Path, shape: type[T], limit_seconds: float) -> T:
    command = [sys.executable, "-IS", str(_PROGRAM), kind, str(path)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        output, complaint = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        _let_go(process)
        raise HangsError(f"{path}: no answer within {limit_seconds:g} s") from None
    if process.returncode:
        raise OSError(f"{_PROGRAM.name} ended with {process.returncode}: {complaint[-300:].decode(errors='replace')}")
    return from_json(output, shape)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """A process that a dead disk holds does not even end when it is killed; it is not waited for."""
    try:
        process.communicate(timeout=_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
