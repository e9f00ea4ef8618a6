"""The facts of a store, read day by day: both stores tell the same, and no more is listed than is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from local import clock
from local.errors import PillarError
from local.settings import AzureSettings, StoreSettings
from local.store import layout
from local.store.interface import Entry, Store
from local.store.open import open_repository
from local.store.repository import Repository
from local.watch.facts import DatabaseFacts
from local.watch.history import gather, is_missing
from tests.local.store.archives import NAME
from tests.local.watch.stored import ListingStore, back_up, drilled, keep_drill, repeat
from tests.local.watch.values import NOW, ago
from tests.support import azure_faults
from tests.support.azurite import Azurite
from tests.support.shelf import SHELF


def costs(store: Store, now: datetime = NOW, max_age_days: float = 35) -> DatabaseFacts:
    (found,) = gather(Repository(store, SHELF), ["costs"], now, max_age_days).databases
    return found


def test_an_empty_store_tells_nothing(store: Store) -> None:
    assert costs(store) == DatabaseFacts("costs")


def test_the_newest_backup_and_the_newest_proven_content_are_found(store: Store) -> None:
    old, proven, _ = (back_up(store, ago(days=days)) for days in (12, 10, 1))
    keep_drill(store, ago(days=11), [drilled(old)])
    keep_drill(store, ago(days=9), [drilled(proven)])
    keep_drill(store, ago(days=2), [drilled(old)])

    found = costs(store)

    assert found.newest
    assert found.newest.taken == ago(days=1)
    assert found.proof
    assert (found.proof.point.taken, found.proof.drill.started) == (ago(days=10), ago(days=9))
    assert found.last_drill
    assert found.last_drill.started == ago(days=2)


def test_the_last_day_of_a_proven_content_is_what_is_proven(store: Store) -> None:
    proven = back_up(store, ago(days=10))
    for days in (9, 8):
        repeat(store, proven, ago(days=10), ago(days=days))
    keep_drill(store, ago(days=10), [drilled(proven)])

    assert costs(store).proof == replace_point(costs(store), ago(days=8))
    back_up(store, ago(days=7))
    assert costs(store).proof == replace_point(costs(store), ago(days=8))


def replace_point(found: DatabaseFacts, taken: datetime) -> object:
    assert found.proof
    return replace(found.proof, point=replace(found.proof.point, taken=taken))


def test_a_proof_of_a_content_that_the_store_no_longer_has_proves_nothing(store: Store) -> None:
    gone = back_up(store, ago(days=3))
    back_up(store, ago(days=1))
    store.remove(next(entry for entry in store.entries(f"sqlite/{ago(days=3).date()}") if entry.metadata))
    keep_drill(store, ago(days=2), [drilled(gone)])

    assert costs(store).proof is None


def test_a_failed_drill_and_an_inconclusive_one_are_told_apart(store: Store) -> None:
    archive = back_up(store, ago(days=5))
    keep_drill(store, ago(days=4), [drilled(archive)])
    keep_drill(store, ago(days=3), [drilled(archive, "failed")])
    keep_drill(store, ago(days=2), [drilled(archive, "inconclusive")])

    found = costs(store)

    assert found.proof
    assert (found.last_drill and found.last_drill.verdict) == "failed"
    assert (found.last_attempt and found.last_attempt.verdict) == "inconclusive"


def test_a_point_in_the_future_and_an_empty_or_unreadable_one_make_nothing_young(store: Store) -> None:
    # A file's own time is this machine's.
    now = clock.now()
    back_up(store, now - timedelta(days=2))
    back_up(store, now + timedelta(hours=20))
    back_up(store, now + timedelta(days=400))
    store.write(SHELF.data_name(now.date() - timedelta(days=1), "costs"), b"")

    found = costs(store, now)

    assert found.newest
    assert found.newest.taken == now - timedelta(days=2)
    assert [told.rpartition("costs.db.gz")[2] for told in found.passed_over] == [
        " is in the future (whose clock is wrong? date -u): it is not counted",
        " is not counted: it is empty",
    ]


def test_a_backup_of_the_former_script_is_proven_by_its_sidecar(store: Store) -> None:
    archive = back_up(store, ago(days=1))
    name = SHELF.data_name(ago(days=1).date(), "costs")
    store.remove(next(entry for entry in store.entries("sqlite") if entry.name == name))
    store.write(name, archive.content)
    store.write(layout.sidecar_name(name), layout.sidecar_line(archive.sha256, name))
    now = datetime.now(NOW.tzinfo) + timedelta(minutes=1)
    keep_drill(store, now - timedelta(minutes=2), [drilled(archive)])

    assert costs(store, now).proof


def test_only_the_days_that_matter_are_listed(tmp_path: Path) -> None:
    store = ListingStore(tmp_path)
    archives = [back_up(store, ago(days=days)) for days in range(20, 0, -1)]
    for days in range(19, 0, -3):
        keep_drill(store, ago(days=days), [drilled(archives[20 - days - 1])])
    store.listed.clear()

    assert costs(store).proof

    # The newest day; the last drill's; the backup that it took and the day after, where the content had changed.
    assert len(store.listed) <= 5


def test_without_any_proof_no_more_days_are_read_than_one_may_be_old(tmp_path: Path) -> None:
    store = ListingStore(tmp_path)
    archive = back_up(store, ago(days=90))
    for days in range(30, 0, -1):
        keep_drill(store, ago(days=days), [drilled(archive, "failed")])
    store.listed.clear()

    assert costs(store, max_age_days=10).proof is None

    assert len(store.listed) == 1 + 12


class MeetingStore(ListingStore):
    """Its newest backups are only told once its drills are asked for, and the reverse."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.both = Barrier(2, timeout=60)

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """As a folder's."""
        if prefix.startswith("sqlite"):
            self.both.wait()
        return super().entries(prefix, beginning)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """As a folder's."""
        if prefix == "drills":
            self.both.wait()
        return super().folders(prefix)


def test_backups_and_drills_are_asked_for_at_the_same_time(tmp_path: Path) -> None:
    archive = back_up(MeetingStore(tmp_path), ago(days=1))
    keep_drill(MeetingStore(tmp_path), ago(hours=12), [drilled(archive)])

    assert costs(MeetingStore(tmp_path)).proof


def test_the_requests_to_azure_are_as_few_as_the_answers_that_are_needed(
    azurite: Azurite, azure_store_settings: StoreSettings
) -> None:
    """The days that there are, the newest one, the days of drills, the newest one, its record; and where the newest
    content is not proven yet, the day of the one that is and the day after.
    """
    with azure_faults.running(azurite) as proxy:
        container = azure_store_settings.url.rpartition("/")[2]
        settings = StoreSettings(url=f"{proxy.url}/{container}")
        store = open_repository(settings, AzureSettings()).store
        archives = [back_up(store, ago(days=days)) for days in (4, 3, 2)]
        for archive, requests in ((archives[-1], 5), (archives[0], 7)):
            keep_drill(store, ago(days=1), [drilled(archive)])
            fresh = open_repository(settings, AzureSettings()).store
            proxy.requests.clear()

            assert costs(fresh).proof
            assert len(proxy.requests) == requests


def test_other_folders_are_no_days(store: Store) -> None:
    for folder in ("notes", "20260505", "2026-13-45", "2026-W19-2"):
        store.write(f"sqlite/{folder}/costs.db.gz", b"x")
        store.write(f"drills/{folder}/x.json", b"x")

    assert costs(store) == DatabaseFacts("costs")


def test_a_store_that_cannot_be_reached_is_an_error_and_no_empty_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    monkeypatch.setattr("azure.storage.blob.ExponentialRetry.get_backoff_time", lambda *_: 0.0)
    azure = open_repository(StoreSettings(url="http://127.0.0.1:9/devstoreaccount1/backups"), AzureSettings())

    with pytest.raises(PillarError) as raised:
        gather(azure, ["costs"], NOW, 35)

    assert raised.value.exit_code == 3


def test_a_file_is_missing_only_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert is_missing(tmp_path / NAME)
    assert is_missing(tmp_path / "file" / "below")
    assert not is_missing(tmp_path / "file")
