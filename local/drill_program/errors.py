"""The two ways in which a drill ends without a pass, and how a list of problems is told in one line."""

from __future__ import annotations

PROBLEMS_SHOWN = 4
PROBLEM_CHARACTERS = 160


class BackupWrongError(Exception):
    """The backup is wrong."""


class NotCarriedOutError(Exception):
    """The drill could not be carried out; nothing is known of the backup."""


def first_few(problems: list[str]) -> str:
    """The first few problems in one line, each shortened, and how many more there are."""
    shown = "; ".join(text.replace("\n", " ")[:PROBLEM_CHARACTERS] for text in problems[:PROBLEMS_SHOWN])
    more = len(problems) - PROBLEMS_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown
