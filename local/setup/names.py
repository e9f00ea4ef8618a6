"""Names for databases: what their files are called, as far as a name in the store may be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

_ENDINGS = re.compile(r"\.(db|db3|sqlite|sqlite3|sqlitedb|s3db|sl3)$", re.IGNORECASE)
_NOT_ALLOWED = re.compile(r"[^a-z0-9._]+")
# A file's name takes 255 bytes, of which day's former contents and sidecars need some.
_CHARACTERS_MAX = 100
_WITHOUT_LETTERS = "database"


def unique_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """A name for each path, all different: the file's, with its folder's before it where two are called alike."""
    plain = [_name(path.name) for path in paths]
    wanted = [
        _name(f"{path.parent.name} {path.name}") if plain.count(name) > 1 else name
        for path, name in zip(paths, plain, strict=True)
    ]
    given: list[str] = []
    for name in wanted:
        given.append(next(each for each in _numbered(name) if each not in given))
    return tuple(given)


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name}-{number}"


def _name(file_name: str) -> str:
    letters = unicodedata.normalize("NFKD", _ENDINGS.sub("", file_name)).encode("ascii", "ignore").decode().lower()
    return _NOT_ALLOWED.sub("-", letters).strip("-._")[:_CHARACTERS_MAX].strip("-._") or _WITHOUT_LETTERS
