"""What goes to the store while a database is being copied: it is sent once, and taken back where the copy fails."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from local import clock
from local.backup.run import back_up
from local.errors import SourceError
from local.events import unwatched
from local.report import BackedUpDatabase
from local.settings import AzureSettings, Database, StoreSettings
from local.sqlite import snapshot
from local.store.open import open_repository
from tests.local.backup.live_databases import half_noise
from tests.support.odd_databases import execute

SCATTERED = "UPDATE noise SET body = randomblob(300) WHERE id % 500 = 7"


@pytest.fixture
def run(azure_store_settings: StoreSettings, tmp_path: Path) -> Callable[[], BackedUpDatabase]:
    """A backup of the database that is there then, in this process."""
    opening = partial(open_repository, azure_store_settings, AzureSettings())
    database = Database(name="large", path=half_noise(tmp_path / "large.db"))
    return lambda: back_up(opening, [database], tmp_path / "machine", unwatched).databases[0]


@pytest.fixture
def names(azure_store_settings: StoreSettings) -> Callable[[], set[str]]:
    """Of all blobs that the store has now."""
    store = open_repository(azure_store_settings, AzureSettings()).store
    return lambda: {entry.name for entry in store.entries("sqlite")}


def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: moment)


def damage(path: Path) -> None:
    """A page in the middle of the largest table is no page any more."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek(page_bytes * (path.stat().st_size // page_bytes // 2))
        file.write(b"\xff" * page_bytes)


def test_a_copy_that_fails_takes_back_what_went_ahead_of_it(
    tmp_path: Path, run: Callable[[], BackedUpDatabase], names: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run().verdict == "passed"
    before = names()
    execute(tmp_path / "large.db", SCATTERED)
    tomorrow(monkeypatch)
    real = snapshot.take
    seen: list[set[str]] = []

    def take(*given: Path, advance: Callable[[int], None], follow: Callable[[int, int], None]) -> datetime:
        real(*given, advance=advance, follow=follow)
        size = given[1].stat().st_size
        deadline = time.monotonic() + 30
        while names() == before:
            follow(size, size)
            assert time.monotonic() < deadline, "no block went ahead"
        seen.append(names())
        raise SourceError("backup of large", "the disk failed", "")

    monkeypatch.setattr(snapshot, "take", take)
    assert run().error == "backup of large: the disk failed"

    assert seen[0] > before, "of the new day"
    assert names() == before


def test_a_damaged_database_takes_back_what_went_ahead_of_its_check(
    tmp_path: Path, run: Callable[[], BackedUpDatabase], names: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run().verdict == "passed"
    before = names()
    execute(tmp_path / "large.db", SCATTERED)
    damage(tmp_path / "large.db")
    tomorrow(monkeypatch)

    assert "the database is corrupt" in (run().error or "")

    assert names() == before


def test_what_went_ahead_is_not_sent_again(tmp_path: Path, run: Callable[[], BackedUpDatabase]) -> None:
    assert run().verdict == "passed"
    execute(tmp_path / "large.db", SCATTERED)

    changed = run()

    assert changed.verdict == "passed"
    assert 0 < (changed.uploaded_bytes or 0) < 1.2 * (changed.changed or 0) * (changed.gzip_bytes or 0)
