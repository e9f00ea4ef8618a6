"""Optional words on the command line, which Invoke does not have: its positional arguments must be given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise


def has_bare_word(
    argv: Sequence[str], names: Collection[str], valued: Collection[str], commands: Collection[str] = ()
) -> bool:
    """Whether the command line has a word for the command that goes by one of `names`.

    A word is what starts with no dash and is not the value of one of the flags in `valued`; one of `commands` begins
    the next command.
    """
    start = next((index for index, word in enumerate(argv) if word in names), len(argv))
    for before, word in pairwise(argv[start:]):
        if before not in valued and not word.startswith("-"):
            return word not in commands
    return False
