"""Two kinds of backup stand in one store, and neither is taken for the other."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from local.store import catalog
from local.store.interface import Entry
from local.store.shelf import VOLUMES, databases_in
from tests.support.shelf import SHELF

DAY = date(2026, 5, 5)


@pytest.mark.parametrize("shelf", [SHELF, VOLUMES, databases_in("volumes")])
def test_a_name_is_read_back_by_its_own_shelf_alone(shelf: object) -> None:
    for other in (SHELF, VOLUMES, databases_in("volumes")):
        name = other.data_name(DAY, "grafana-data")
        assert other.parse(name) == (DAY, "grafana-data")
        if other is not shelf:
            assert shelf.parse(name) is None or other == shelf  # type: ignore[attr-defined]


def test_a_volume_s_name_has_capitals_and_a_database_s_has_none() -> None:
    assert VOLUMES.parse("volumes/2026-05-05/App_data.tar.gz") == (DAY, "App_data")
    assert SHELF.parse("sqlite/2026-05-05/App_data.db.gz") is None
    assert VOLUMES.may_hold("App_data")
    assert not VOLUMES.may_hold("../x")


def test_metadata_of_the_other_kind_contradicts_the_blob_s_name() -> None:
    taken = datetime(2026, 5, 5, 4, tzinfo=UTC)
    entry = Entry(VOLUMES.data_name(DAY, "costs"), 5, taken, metadata={"database": "costs"})
    (point,) = catalog.from_entries([entry], VOLUMES)

    assert point.kind == "volume"
    assert point.contradiction == "the database 'costs'"
