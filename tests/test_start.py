"""The first hour of docs/start.md, run as it stands there: what it quotes is what the commands print today."""

from __future__ import annotations

from pathlib import Path

from tests.support import first_hour


def test_the_first_hour_is_as_the_page_says(tmp_path: Path) -> None:
    said = [(command, first_hour.measured(lines)) for command, lines in first_hour.quoted()]
    printed = [(command, first_hour.measured(lines)) for command, lines in first_hour.run(tmp_path)]

    assert len(said) == 4
    assert printed == said
