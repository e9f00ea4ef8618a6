"""`backup.list` shows both shelves as one list, and knows the names of either."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from local import clock
from local.settings import Settings, StoreSettings, Volume
from local.store.both_shelves import by_shelf
from local.store.repository import Repository
from local.store.shelf import VOLUMES
from tests.local.watch.stored import ListingStore, back_up, back_up_volume
from tests.support.shelf import SHELF
from tests.support.workshop import Workshop


@pytest.fixture
def stocked(workshop: Workshop) -> Workshop:
    """A database and a volume in the store, of which the database and another volume are configured."""
    workshop.add("costs")
    workshop.more = {"volumes": [{"name": "App_data"}]}
    back_up(workshop.store, clock.now() - timedelta(hours=1))
    back_up_volume(workshop.store, clock.now() - timedelta(hours=2))
    return workshop


def test_both_shelves_are_one_list(stocked: Workshop) -> None:
    listed = stocked.document("backup.list")["backups"]

    assert [(each["name"], each["kind"], each["row_total"]) for each in listed] == [
        ("costs", "database", 1),
        ("grafana-data", "volume", 3),
    ]
    assert listed[1]["blob"].startswith("volumes/")
    done = stocked.invoke("backup.list")
    assert "the store holds no backup of App_data; make one: " in done.stdout
    assert done.stdout.endswith("2 points in time\n")


def test_a_name_is_found_on_either_shelf_and_an_unknown_one_is_told_all_that_there_are(stocked: Workshop) -> None:
    for name in ("costs", "grafana-data"):
        listed = stocked.document("backup.list", name)["backups"]
        assert [each["name"] for each in listed] == [name]
    assert stocked.document("backup.list", "App_data")["backups"] == []

    done = stocked.invoke("backup.list", "grafana")

    assert done.returncode == 2
    for name in ("costs", "App_data", "grafana-data"):
        assert name in done.stderr


def test_a_configured_name_is_looked_for_on_its_own_shelf_alone(tmp_path: Path) -> None:
    store = ListingStore(tmp_path)
    configured = Settings(store=StoreSettings(url=tmp_path.as_uri()), volumes=(Volume(name="grafana-data"),))

    shelves = by_shelf(Repository(store, SHELF), configured, ["grafana-data", "else"])

    assert [(each.shelf, names) for each, names in shelves] == [
        (SHELF, ("else",)),
        (VOLUMES, ("grafana-data", "else")),
    ]
