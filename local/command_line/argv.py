"""Optional words on the command line, which Invoke does not have: its positional arguments must be given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from local.errors import ConfigError


def bare_word(argv: Sequence[str], names: Collection[str], valued: Collection[str]) -> str | None:
    """The first word on the command line behind the command that goes by one of `names`; None where there is none.

    A word is what starts with no dash and is not the value of one of the flags in `valued`.
    """
    start = next((index for index, word in enumerate(argv) if word in names), len(argv))
    for before, word in pairwise(argv[start:]):
        if before not in valued and not word.startswith("-"):
            return word
    return None


def has_bare_word(
    argv: Sequence[str], names: Collection[str], valued: Collection[str], commands: Collection[str] = ()
) -> bool:
    """Whether that word is there and meant for the command: one of `commands` begins the next command."""
    word = bare_word(argv, names, valued)
    return word is not None and word not in commands


def mistaken(
    error: ConfigError, given: Mapping[str, object], missing: str | None, word: str | None, commands: Collection[str]
) -> ConfigError:
    """The error with what became of a command's name on this line, where that may be why.

    `given` are the command's options and their values; `word` follows it, and was not taken for its option `missing`.
    """
    flags = {f"--{name.strip('_').replace('_', '-')}": value for name, value in given.items()}
    taken = [
        f"{text} was taken for the value of {flag}; if it is to run as a command, give {flag} a value before it"
        for flag, value in flags.items()
        for text in ([value] if isinstance(value, str) else value if isinstance(value, list) else [])
        if text in commands and repr(text) in str(error)
    ]
    if missing and word in commands and "missing" in error.came_back:
        taken = [f"{word} was taken for the next command; if it is the {missing.upper()}: --{missing} {word}"]
    return ConfigError(error.doing, error.came_back, "; ".join([error.mend, *taken])) if taken else error
