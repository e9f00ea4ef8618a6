"""Each claim of docs/security.md that a test holds names one that is there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path("docs/security.md")


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)`", PAGE.read_text())

    assert len(named) >= 8
    places = [Path(name) if "/" in name else Path("tests/hostile", name) for name in named]
    assert [path for path in places if not path.exists()] == []


def test_the_readme_leads_to_the_page() -> None:
    assert "(docs/security.md)" in Path("README.md").read_text()
