"""The few signs of ours that are no ASCII, and what stands for them where they cannot be shown."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

ASCII = {
    "✓": "+",
    "✗": "x",
    "–": "-",
    "─": "-",
    "━": "=",
    "·": ".",
    "…": "...",
    "→": "->",
}
_TABLE = str.maketrans(ASCII)
_PLAIN = ("C", "POSIX")


def plain(text: str) -> str:
    """The text with ASCII in the place of our signs; what else it holds stays."""
    return text.translate(_TABLE)


def are_foreign(environment: Mapping[str, str]) -> bool:
    """Whether the locale is one of ASCII, as far as somebody says so.

    The interpreter writes UTF-8 there all the same (https://peps.python.org/pep-0538/), also to a terminal that has
    none.
    """
    return (environment.get("LC_ALL") or environment.get("LANG")) in _PLAIN


def encoded(text: str, encoding: str) -> bytes:
    """In an encoding that may lack some of it: our signs become ASCII, anything else is escaped."""
    try:
        return text.encode(encoding, "backslashreplace" if codecs.lookup(encoding).name == "utf-8" else "strict")
    except UnicodeEncodeError:
        return plain(text).encode(encoding, "backslashreplace")
