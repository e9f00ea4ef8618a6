"""The page's file: whole or as it was before, and never in the place of something that is no such page."""

from __future__ import annotations

import os
from pathlib import Path

from local.errors import ConfigError
from local.store.durable import replace_file

# It stands at the beginning of each page, so that a later one may take its place.
MARK = "<!DOCTYPE html>\n<!-- A report of pillar9. -->\n"
# It names databases, machines and records, and how many rows there are: whoever shares it, decides so.
MODE = 0o600


def check_target(path: Path) -> None:
    """ConfigError where a page cannot be put there, or would take the place of what is no page."""
    if not path.parent.is_dir():
        raise ConfigError(f"--to {path}", f"there is no folder {path.parent}", "make it, or name another file")
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_file():
        kind = "a folder" if path.is_dir() and not path.is_symlink() else "no regular file"
        raise ConfigError(f"--to {path}", f"is there already, and is {kind}", "name a file: --to FILE.html")
    if not _is_page(path):
        raise ConfigError(
            f"--to {path}", "is there already, and is no report of ours", "name another file, or remove it yourself"
        )


def write(path: Path, page: str) -> None:
    """Put the page in place by one rename, readable by its owner alone; ConfigError where it cannot be."""
    check_target(path)
    try:
        replace_file(path, page.encode(), MODE)
    except OSError as error:
        raise ConfigError(
            f"--to {path}", error.strerror or str(error), f"look at it: ls -ld {path.parent}; df -h {path.parent}"
        ) from error


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MARK)) == MARK.encode()
    except OSError as error:
        raise ConfigError(f"--to {path}", error.strerror or str(error), "name another file: --to FILE.html") from error
