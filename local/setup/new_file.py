"""A new text file that appears whole, and never in the place of another."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from tempfile import NamedTemporaryFile

from local.errors import ConfigError
from local.store.durable import sync_file

_SUFFIXES = (".yaml", ".yml")


def check(path: Path) -> None:
    """Raise ConfigError where a settings file may not, or cannot, come to be."""
    if path.suffix not in _SUFFIXES:
        raise ConfigError(f"--to {path}", "its name tells no format", f"let it end in {' or '.join(_SUFFIXES)}")
    if os.path.lexists(path):
        raise _exists(path)
    if not path.parent.is_dir():
        mend = f"make it: mkdir -p {quote(str(path.parent))}"
        raise ConfigError(f"--to {path}", f"there is no folder {path.parent}", mend)


def write(path: Path, text: str) -> None:
    """The file is there, for its owner to write; ConfigError where another one is by now, OSError."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".pillar9-", suffix=".new") as file:
        file.write(text)
        file.flush()
        sync_file(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            raise _exists(path) from None
        except OSError:  # a file system without links
            _write_in_place(path, text)


def _write_in_place(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(path) from None


def _exists(path: Path) -> ConfigError:
    mend = f"look at it, and use it (invoke -f {quote(str(path))} backup), or name another with --to FILE"
    return ConfigError(f"--to {path}", "it is there already, and nothing is overwritten", mend)
