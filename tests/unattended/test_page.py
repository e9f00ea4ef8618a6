"""The figures of the simulated year in the docs: as they were counted, in their place, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.tally import Count
from tests.unattended import page


def test_the_years_figures_stand_in_their_place_in_the_order_in_which_they_were_counted(tmp_path: Path) -> None:
    tally, target = tmp_path / "tally", tmp_path / "page.md"
    counts = [
        Count(page.AREA, "scheduled backups", 1893, 0),
        Count("SIGKILL", "backup, at any moment", 84, 0),
        Count(page.AREA, "drills of the month", 12, 0),
    ]
    tally.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in counts))
    target.write_text("Before.\n\n<!-- simulated year -->\nof old\n<!-- end -->\n\nAfter.\n")

    page.write(tally, target)

    table = "| in the year | times |\n|---|---:|\n| scheduled backups | 1,893 |\n| drills of the month | 12 |\n"
    assert target.read_text() == f"Before.\n\n<!-- simulated year -->\n{table}<!-- end -->\n\nAfter.\n"


def test_a_tally_without_a_year_and_a_page_without_a_place_are_mistakes(tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    tally.write_bytes(msgspec.json.encode(Count("SIGKILL", "backup", 1, 0)) + b"\n")
    with pytest.raises(ValueError, match="it was not run"):
        page.write(tally)
    tally.write_bytes(msgspec.json.encode(Count(page.AREA, "scheduled backups", 1, 0)) + b"\n")
    (tmp_path / "page.md").write_text("nothing\n")
    with pytest.raises(ValueError, match="no place"):
        page.write(tally, tmp_path / "page.md")


def test_the_page_has_a_place_for_it() -> None:
    assert page.PAGE.read_text().count("<!-- simulated year -->\n") == 1
