"""A live database, and a proven copy that is to replace it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.restore.proven import ProvenCopy
from tests.local.restore.databases import FORMER_ROWS, make, proven


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel has is enough for a test."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of the live database, which is alone in it."""
    folder = tmp_path / "live"
    folder.mkdir()
    return folder


@pytest.fixture
def live(place: Path) -> Path:
    """In WAL mode."""
    return make(place / "tasks.db", FORMER_ROWS)


@pytest.fixture
def copy(tmp_path: Path) -> ProvenCopy:
    """A backup's."""
    return proven(tmp_path / "private")
