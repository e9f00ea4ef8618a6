"""What the page is made from, read from either store: in bounded time, and as what anybody may have written."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from local import clock
from local.page import reading
from local.page.facts import Period
from local.page.reading import read_drills
from local.settings import Database, Settings, StoreSettings
from local.store.folder import FolderStore
from local.store.interface import Store
from local.store.repository import Repository
from tests.local.page.values import drilled
from tests.local.watch import stored
from tests.local.watch.values import NOW, ago
from tests.support.shelf import SHELF

PERIOD = Period.ending(NOW, 90)


def configured(store: Store, tmp_path: Path) -> Settings:
    database = Database(name="costs", path=tmp_path / "costs.db")
    return Settings(store=StoreSettings(url=store.url), databases=(database,))


def test_points_and_drills_of_the_days_are_read_and_the_status_is_that_of_the_store(
    store: Store, tmp_path: Path
) -> None:
    archive = stored.back_up(store, ago(hours=3))
    stored.back_up(store, ago(days=200))
    stored.keep_drill(store, ago(hours=1), [stored.drilled(archive)])
    stored.keep_drill(store, ago(days=3), [stored.drilled(archive, "failed")])
    stored.keep_drill(store, ago(days=120), [stored.drilled(archive)])

    found = reading.read(Repository(store, SHELF), configured(store, tmp_path), (), NOW, 90)

    assert found.status.databases[0].verdict == "ok"
    assert [point.taken for point in found.points] == [ago(hours=3)]
    assert [drill.started for drill in found.kept.drills] == [ago(hours=1), ago(days=3)]
    assert found.kept.unusable == found.kept.unread == ()


def test_an_empty_store_has_no_facts_and_is_late(store: Store, tmp_path: Path) -> None:
    found = reading.read(Repository(store, SHELF), configured(store, tmp_path), (), NOW, 400)

    assert (found.points, found.kept.drills, found.status.status.verdict) == ((), (), "late")


def test_the_newest_records_are_read_and_the_days_of_the_others_told(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for back in range(10):
        stored.keep_drill(store, ago(days=back), [drilled()])
        stored.keep_drill(store, ago(days=back, hours=1), [drilled()])

    found = read_drills(Repository(store, SHELF), PERIOD, NOW, most=5)

    assert [drill.started for drill in found.drills] == [
        ago(),
        ago(hours=1),
        ago(days=1),
        ago(days=1, hours=1),
        ago(days=2),
    ]
    assert len(found.unread) == 15
    assert max(found.unread) == ago(days=2).date()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": {"runs": {"restored": 10**19, "recorded": 1, "minimum": None}}}, "a count that nothing can have"),
        ({"rows": {"runs": {"restored": -1, "recorded": 1, "minimum": None}}}, "a count that nothing can have"),
        ({"database_bytes": -5}, "a count that nothing can have"),
        (
            {"steps": [{"name": "download", "verdict": "failed", "seconds": 1e300}], "verdict": "failed"},
            "took longer than",
        ),
        (
            {"steps": [{"name": "download", "verdict": "failed", "seconds": -1}], "verdict": "failed"},
            "less than no time",
        ),
        ({"steps": []}, "without all five steps"),
        ({"name": 7}, "has not the form of one"),
    ],
)
def test_a_record_that_no_drill_wrote_proves_nothing(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    store = FolderStore(tmp_path)
    stored.keep_drill(store, NOW, [drilled()])
    (path,) = tmp_path.glob("drills/*/*.json")
    document = json.loads(path.read_bytes())
    document["databases"][0].update(changes)
    path.write_text(json.dumps(document))

    found = read_drills(Repository(store, SHELF), PERIOD, NOW)

    assert found.drills == ()
    assert reason in found.unusable[0].reason
    assert found.unusable[0].day == NOW.date()


def test_a_record_that_is_longer_than_any_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    stored.keep_drill(store, NOW, [drilled()])
    monkeypatch.setattr(reading, "RECORD_BYTES_MAX", 100)

    found = read_drills(Repository(store, SHELF), PERIOD, NOW)

    assert found.drills == ()
    assert "more than any drill writes" in found.unusable[0].reason


def test_a_point_of_the_future_and_an_empty_one_are_no_figures(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    stored.back_up(store, NOW + timedelta(hours=5))
    stored.back_up(store, ago(days=1))
    (path,) = tmp_path.glob(f"sqlite/{ago(days=1).date()}/*.gz")
    path.write_bytes(b"")

    assert reading.read(Repository(store, SHELF), configured(store, tmp_path), (), NOW, 5).points == ()


def test_years_of_records_are_listed_no_further_back_than_the_period(tmp_path: Path) -> None:
    store = stored.ListingStore(tmp_path)
    record = msgspec.json.encode({})
    for back in range(0, 3 * 365, 30):
        day = ago(days=back).date()
        store.write(f"drills/{day}/{clock.compact_timestamp(ago(days=back))}-ANVIL.json", record)
    store.listed.clear()

    found = read_drills(Repository(store, SHELF), Period.ending(NOW, 61), NOW)

    assert len(store.listed) == 3
    assert len(found.unusable) == 3
