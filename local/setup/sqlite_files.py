"""Which databases a newcomer means: files, folders and patterns become SQLite files, each once."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from local.errors import ConfigError
from local.sqlite.header import MAGIC

# The first 16 bytes of every SQLite 3 database: https://sqlite.org/fileformat2.html#magic_header_string
# A database's sidecars, and what restores of this tool keep beside it: no databases of their own.
_BESIDE = re.compile(r"-(wal|shm|journal)$|\.pre-restore-\d+|\.pillar9-")
_WILD = re.compile(r"[*?[]")


def find(named: Iterable[str]) -> tuple[Path, ...]:
    """The databases that are meant, as absolute paths, in the order in which they are named; a folder's are sorted.

    Two names of the same file (links) count once: the first, in a folder the one that is no symbolic link. Raises
    ConfigError for a file that is no SQLite database, and for a folder or a pattern that finds none.
    """
    found: dict[tuple[int, int], Path] = {}
    for text in named:
        for path in _meant(text):
            state = path.stat()
            found.setdefault((state.st_dev, state.st_ino), path)
    return tuple(found.values())


def _meant(text: str) -> list[Path]:
    path = Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - both keep links, none raises
    if not text:
        raise _mistake(text, "it is empty", "name a SQLite file, a folder or a pattern")
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        if _WILD.search(text):
            fitting = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207 - an absolute pattern
            return _databases(sorted(fitting), text, "no SQLite file fits it")
        raise _mistake(text, "there is no such file", f"look for it: ls -l {quote(str(path.parent))}") from error
    except OSError as error:
        raise _mistake(text, error.strerror or str(error), f"look at it: ls -ld {quote(str(path))}") from error
    if stat.S_ISDIR(mode):
        return _in_folder(path, text)
    if not stat.S_ISREG(mode):
        raise _mistake(text, "it is neither a file nor a folder", "name the database file itself")
    if not _is_database(path):
        raise _mistake(
            text,
            "it does not begin as a SQLite database does",
            "name the database file itself (an empty or an encrypted one cannot be backed up)",
        )
    return [path]


def _in_folder(folder: Path, text: str) -> list[Path]:
    try:
        inside = sorted(folder.iterdir(), key=lambda path: (path.is_symlink(), path.name))
    except OSError as error:
        raise _mistake(text, error.strerror or str(error), f"look at it: ls -ld {quote(str(folder))}") from error
    below = f"no SQLite file is right in it; for those below it: --database {quote(f'{text}/**/*')}"
    return _databases(inside, text, below)


def _databases(candidates: Iterable[Path], text: str, none: str) -> list[Path]:
    found = [path for path in candidates if not _BESIDE.search(path.name) and path.is_file() and _is_database(path)]
    if not found:
        raise _mistake(text, "no database was found", none)
    return sorted(found, key=lambda path: (path.is_symlink(), str(path)))


def _is_database(path: Path) -> bool:
    """By its first bytes. A file that this user may not read is told, since a backup could not read it either."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        mend = f"run this as a user who may read it, or name each database itself: ls -l {quote(str(path))}"
        raise _mistake(str(path), error.strerror or str(error), mend) from error


def _mistake(text: str, came_back: str, mend: str) -> ConfigError:
    return ConfigError(f"--database {text}", came_back, mend)
