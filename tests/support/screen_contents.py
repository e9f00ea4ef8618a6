"""What stands on a terminal once a command has ended, of all that it wrote there."""

from __future__ import annotations

import re

_UP, _ERASE, _CURSOR = r"\x1b\[\d+A", r"\x1b\[J", r"\x1b\[\?25[lh]"
_TOKEN = re.compile(rf"({_UP}|{_ERASE}|{_CURSOR}|\r|\n)")
_OTHER = re.compile(r"\x1b(?!\[[\d;]*m)|[\x00-\x09\x0b-\x1a\x7f]")


def standing_lines(shown: str) -> list[str]:
    """The lines, with their colours; AssertionError at a control character that the product has no need of."""
    lines, row = [""], 0
    for token in _TOKEN.split(shown):
        if token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif re.fullmatch(_UP, token):
            row -= int(token[2:-1])
            assert row >= 0, "above the first line"
        elif re.fullmatch(_ERASE, token):
            lines = [*lines[:row], ""]
        elif token != "\r" and not re.fullmatch(_CURSOR, token):
            assert not _OTHER.search(token), repr(token)
            lines[row] += token
    return lines[:-1] if lines[-1] == "" else lines
