"""The page says what was counted, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.reliability import page
from tests.reliability.commands import CHECKOUT
from tests.support.tally import Count

COUNTING = "import sys; from tests.support.tally import count; [count('kills', 'a', tried=2) for _ in range(50)]"


def test_what_several_processes_count_is_added_up(tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    environment = {**os.environ, "PILLAR9_TALLY": str(tally), "PYTHONPATH": str(CHECKOUT)}
    running = [subprocess.Popen([sys.executable, "-c", COUNTING], env=environment) for _ in range(2)]
    assert [each.wait() for each in running] == [0, 0]
    counts = [msgspec.json.decode(line, type=Count) for line in tally.read_bytes().splitlines()]
    assert page.added_up(counts) == {"kills": [page.Line("a", 200, 0)]}


def test_the_page_tells_what_was_lost() -> None:
    counts = [
        Count("kills", "at a request", 2000, 0),
        Count("kills", "at a request", 1, 1),
        Count("disk", "full", 3, 0),
    ]
    text = page.page(counts, "2026-05-05", "pillar9 0.1")
    assert "| at a request | 2,001 | 1 |" in text
    assert "In all 2,004 tries, and 1 lost." in text
    assert "In all 3 tries, and nothing lost." in page.page(counts[2:], "2026-05-05", "pillar9 0.1")
    assert text.index("## Disk") < text.index("## Kills")


def test_a_tally_that_counts_nothing_makes_no_page(tmp_path: Path) -> None:
    (tmp_path / "tally").touch()
    with pytest.raises(ValueError, match="counts nothing"):
        page.write(tmp_path / "tally", tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()
