"""The last line of every command with a verdict: what failed is counted and named."""

from __future__ import annotations

import pytest

from local.output.endings import Trouble, ending, listed

NO_BACKUP = "could not be backed up"
UNPROVEN = "could not be tried"


@pytest.mark.parametrize(
    ("begin", "troubles", "good", "line"),
    [
        ("backup passed", (), "5 of 5 stored", "backup passed: 5 of 5 stored"),
        (
            "backup FAILED",
            (Trouble(("shop",), NO_BACKUP),),
            "4 of 5 stored",
            "backup FAILED: shop could not be backed up, 4 of 5 stored",
        ),
        (
            "drill FAILED (local)",
            (Trouble(("a", "b"), "cannot be brought back"), Trouble(("c",), UNPROVEN)),
            "0 of 3 can",
            "drill FAILED (local): a and b cannot be brought back, c could not be tried, 0 of 3 can",
        ),
        (
            "status LATE",
            (Trouble((), "late"), Trouble(("a", "b"), "late")),
            "1 of 3 ok",
            "status LATE: a and b late, 1 of 3 ok",
        ),
    ],
)
def test_a_last_line_names_what_failed_and_counts_what_did_not(
    begin: str, troubles: tuple[Trouble, ...], good: str, line: str
) -> None:
    assert ending(begin, troubles, good) == line


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        ([*"abcdef"], "a, b, c, d, e and f"),
        ([*"abcdefg"], "a, b, c, d, e and 2 more"),
    ],
)
def test_names_are_listed_as_in_a_sentence_and_many_are_counted(names: list[str], text: str) -> None:
    assert listed(names) == text
