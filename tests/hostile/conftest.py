"""Where the drill of a hostile archive takes place."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    """The drill program's folder for temporary files."""
    folder = tmp_path / "temp"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where an archive lies."""
    return tmp_path / "hostile.db.gz"
