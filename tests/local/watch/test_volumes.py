"""Volumes are watched as databases are: by the same rules, from their own shelf, and at the cost of few requests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from local import clock
from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.open import open_repository, open_store
from local.store.repository import Repository
from local.watch import prometheus
from local.watch.facts import DatabaseFacts
from local.watch.history import gather
from local.watch.status import StatusLimits, judge
from tests.local.watch.stored import ListingStore, back_up, back_up_volume, drilled, keep_drill
from tests.local.watch.values import NOW, ago
from tests.support import azure_faults
from tests.support.azurite import Azurite
from tests.support.shelf import SHELF
from tests.support.workshop import Workshop

VOLUME = "grafana-data"
LIMITS = StatusLimits(5, 35, max_unchanged_days=30)


def of_volume(store: Store, name: str = VOLUME) -> DatabaseFacts:
    (found,) = gather(Repository(store, SHELF), [], NOW, 35, [name]).volumes
    return found


def test_the_newest_backup_and_proof_of_a_volume_are_found_on_its_own_shelf(store: Store) -> None:
    back_up(store, ago(hours=1))
    proven = back_up_volume(store, ago(days=3))
    back_up_volume(store, ago(hours=2))
    keep_drill(store, ago(days=2), [], [drilled(proven)])

    found = of_volume(store)

    assert found.kind == "volume"
    assert found.newest
    assert (found.newest.kind, found.newest.taken) == ("volume", ago(hours=2))
    assert found.proof
    assert (found.proof.point.taken, found.proof.drill.started) == (ago(days=3), ago(days=2))


def test_what_a_database_of_the_same_name_was_found_to_be_says_nothing_of_a_volume(store: Store) -> None:
    """A name is used once among both, but what was a database may be a volume later."""
    volume = back_up_volume(store, ago(hours=2), "costs")
    database = back_up(store, ago(hours=2))
    keep_drill(store, ago(hours=1), [drilled(database, "failed")])

    facts = gather(Repository(store, SHELF), ["costs"], NOW, 35, ["costs"])

    assert [each.newest.entry.name for each in facts.sources if each.newest] == [
        "sqlite/2026-05-05/costs.db.gz",
        "volumes/2026-05-05/costs.tar.gz",
    ]
    assert [each.last_drill is not None for each in facts.sources] == [True, False]
    keep_drill(store, ago(minutes=5), [msgspec.structs.replace(drilled(volume), name="costs")])
    assert of_volume(store, "costs").proof is None


def test_a_volume_is_held_to_the_limits_and_told_what_mends_it(store: Store) -> None:
    failed = back_up_volume(store, ago(days=40))
    keep_drill(store, ago(days=39), [], [drilled(failed, "failed")])
    facts = gather(Repository(store, SHELF), [], NOW, 45, [VOLUME, "lost"])

    status = judge(facts, LIMITS)

    stale, lost = status.volumes
    assert (status.databases, status.status.verdict) == ((), "failed")
    assert [(late.kind, late.mend) for late in stale.late] == [
        ("backup", "invoke backup; is the schedule running?"),
        (
            "unchanged",
            "does its container use another volume by now? see volumes in invoke.yaml, and: docker volume ls",
        ),
        (
            "drill",
            f"look at drills/2026-03-27/20260327T120000.000Z-ANVIL.json, then: invoke backup; "
            f"invoke drill.local --only {VOLUME}",
        ),
        ("proof", f"invoke drill.local --only {VOLUME}"),
    ]
    assert [late.mend for late in lost.late] == ["invoke backup --only lost"]


def test_the_metrics_of_a_volume_bear_its_own_label(store: Store) -> None:
    back_up(store, ago(hours=1))
    archive = back_up_volume(store, ago(hours=2))
    facts = gather(Repository(store, SHELF), ["costs"], NOW, 35, [VOLUME])

    text = prometheus.exposition(judge(facts, LIMITS))

    assert f'pillar9_backup_age_seconds{{volume="{VOLUME}"}} 7200.0' in text
    assert f'pillar9_database_bytes{{volume="{VOLUME}"}} {len(archive.raw)}' in text
    assert re.findall(r'pillar9_backup_age_seconds\{(\w+)="', text) == ["database", "volume"]
    assert text.count("# TYPE pillar9_backup_age_seconds") == 1


def test_one_more_shelf_costs_two_requests_and_none_where_no_volume_is_asked_for(
    azurite: Azurite, azure_store_settings: StoreSettings
) -> None:
    filled = open_store(azure_store_settings, AzureSettings())
    keep_drill(
        filled, ago(hours=1), [drilled(back_up(filled, ago(hours=2)))], [drilled(back_up_volume(filled, ago(hours=2)))]
    )
    with azure_faults.running(azurite) as proxy:
        container = azure_store_settings.url.rpartition("/")[2]

        def requests(databases: list[str], volumes: list[str]) -> int:
            repository = open_repository(StoreSettings(url=f"{proxy.url}/{container}"), AzureSettings())
            before = len(proxy.requests)
            facts = gather(repository, databases, NOW, 35, volumes)
            assert all(each.proof for each in facts.sources)
            return len(proxy.requests) - before

        assert requests(["costs"], []) == 5
        assert requests(["costs"], [VOLUME]) == 7
        assert requests([], [VOLUME]) == 5


def test_a_shelf_of_which_nothing_is_asked_for_is_not_listed(tmp_path: Path) -> None:
    store = ListingStore(tmp_path)
    back_up(store, ago(hours=1))
    back_up_volume(store, ago(hours=1))
    store.listed.clear()

    gather(Repository(store, SHELF), ["costs"], NOW, 35)
    gather(Repository(store, SHELF), [], NOW, 35, [VOLUME])

    assert store.listed == ["sqlite/2026-05-05", "volumes/2026-05-05"]


@pytest.fixture
def stocked(folder_workshop: Workshop) -> Workshop:
    """A database and two volumes are configured; one volume has a backup that a drill has passed."""
    folder_workshop.add("costs")
    folder_workshop.more = {"volumes": [{"name": VOLUME}, {"name": "lost"}]}
    now = clock.now()
    archive = back_up_volume(folder_workshop.store, now)
    keep_drill(folder_workshop.store, now, [], [drilled(archive)])
    return folder_workshop


def test_status_shows_volumes_beside_databases(stocked: Workshop) -> None:
    document = stocked.document("status")
    done = stocked.invoke("status")

    assert [(each["name"], each["verdict"]) for each in document["volumes"]] == [(VOLUME, "ok"), ("lost", "late")]
    assert list(document["volumes"][0]) == list(document["databases"][0])
    assert done.returncode == 1
    assert f"{VOLUME}: kind volume, state ok, last backup" in done.stdout
    assert "costs: kind database, state late" in done.stdout
    assert "status LATE: costs and lost late, 1 of 3 ok" in done.stdout
    assert json.loads(stocked.invoke("status", "--only", VOLUME, "--json").stdout)["databases"] == []
    unknown = stocked.invoke("status", "--only", "grafana")
    assert unknown.returncode == 2
    assert VOLUME in unknown.stderr
