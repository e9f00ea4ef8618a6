"""What the tests of the drill and of the snapshot share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.drill_archives import make_database
from tests.support.odd_databases import ODD_DATABASES, execute


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    """The drill program's folder for temporary files."""
    folder = tmp_path / "temp"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound database of about a megabyte."""
    return make_database(tmp_path_factory.mktemp("raw") / "tasks.db").read_bytes()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where an archive lies."""
    return tmp_path / "tasks é %20 #.db.gz"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a snapshot goes."""
    return tmp_path / "copy.db"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A live database with nothing special about it."""
    return ODD_DATABASES["plain"](tmp_path)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """50 MiB: several steps of the copy."""
    script = "CREATE TABLE ballast(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
    return execute(tmp_path / "large.db", script + "INSERT INTO ballast SELECT randomblob(1048576) FROM n;")
