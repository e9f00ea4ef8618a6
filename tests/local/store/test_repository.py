"""How much of the store is read for what is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from local.store.catalog import NEWEST, Choice
from local.store.folder import FolderStore
from local.store.interface import Entry
from local.store.repository import Repository

TODAY = date(2026, 5, 5)


class ListingStore(FolderStore):
    """A folder that remembers what was listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[str] = []

    def entries(self, prefix: str) -> Iterator[Entry]:
        self.listed.append(prefix)
        return super().entries(prefix)


@pytest.fixture
def folder(tmp_path: Path) -> ListingStore:
    for day, database in ((3, "costs"), (4, "costs"), (5, "knowledge")):
        path = tmp_path / f"sqlite/2026-05-0{day}/{database}.db.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        taken = datetime(2026, 5, day, 12, tzinfo=UTC).timestamp()
        os.utime(path, (taken, taken))
    return ListingStore(tmp_path)


def test_every_point_is_found_by_its_database_and_day(folder: ListingStore) -> None:
    points = Repository(folder, "sqlite").points()

    assert [(point.database, point.day.day) for point in points] == [("costs", 3), ("costs", 4), ("knowledge", 5)]


def test_recent_points_are_those_of_three_days_where_each_database_has_one(folder: ListingStore) -> None:
    points = Repository(folder, "sqlite").recent_points(["costs", "knowledge"], TODAY)

    assert sorted(point.day.day for point in points) == [4, 5]
    assert folder.listed == ["sqlite/2026-05-04", "sqlite/2026-05-05", "sqlite/2026-05-06"]


def test_all_points_are_read_where_a_database_has_none_of_late(folder: ListingStore) -> None:
    points = Repository(folder, "sqlite").recent_points(["costs", "hivemind"], TODAY)

    assert len(points) == 3
    assert folder.listed[-1] == "sqlite"


def test_a_database_without_a_point_is_chosen_as_none(folder: ListingStore) -> None:
    chosen = Repository(folder, "sqlite").choose(["costs", "hivemind"], NEWEST)

    assert chosen["hivemind"] is None
    assert chosen["costs"]
    assert chosen["costs"].day.day == 4


def test_a_choice_holds_for_every_database(folder: ListingStore) -> None:
    chosen = Repository(folder, "sqlite").choose(["costs", "knowledge"], Choice(at=datetime(2020, 1, 1, tzinfo=UTC)))

    assert chosen == {"costs": None, "knowledge": None}
