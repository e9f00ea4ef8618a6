"""`backup.prune` of volumes: the rules, the guards and the notes of databases, on a shelf of their own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from local import clock
from local.errors import ConfigError
from local.events import unwatched
from local.settings import Database, RetentionSettings, Settings, StoreSettings, Volume
from local.store import layout
from local.store.folder import FolderStore
from local.store.interface import Store
from local.store.repository import Repository
from local.store.shelf import VOLUMES
from local.watch.prune import PruneReport, carry_out, report
from local.watch.prune_plan import make_plan
from local.watch.retention import Guard, InspectedPoint, decide
from tests.local.store.archives import content_of
from tests.local.watch.stored import back_up, back_up_volume, drilled, keep_drill
from tests.local.watch.values import NOW, ago, point
from tests.support.shelf import SHELF
from tests.support.workshop import Workshop

VOLUME = "grafana-data"
RULES = RetentionSettings(keep_last=1, keep_daily=3, max_share=1.0)
STORE = StoreSettings(url="file:///unused")
ALONE = Settings(store=STORE, volumes=(Volume(name=VOLUME),), retention=RULES)
DATABASES = Settings(store=STORE, databases=(Database(name="costs", path=Path("/unused")),), retention=RULES)


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of the values of these tests."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


def fill(store: Store) -> None:
    """Two backups of either kind on each of eight days, of which the first ones were proven today."""
    times = [ago(days=days, hours=hours) for days in range(8, 0, -1) for hours in (4, 0)]
    databases, volumes = ([make(store, taken) for taken in times] for make in (back_up, back_up_volume))
    keep_drill(store, ago(hours=1), [drilled(databases[0])], [drilled(volumes[0])])


def prune(store: Store, settings: Settings, *only: str) -> PruneReport:
    repository = Repository(store, SHELF)
    plan = make_plan(settings, repository, only)
    return report(carry_out(plan, repository, unwatched), plan, check=False)


def times(store: Store) -> set[str]:
    return {clock.timestamp(each.taken) for each in Repository(store, VOLUMES).points()}


@pytest.mark.usefixtures("at_noon")
def test_volumes_go_and_stay_by_the_same_rules_and_what_stays_is_whole(store: Store) -> None:
    fill(store)
    databases = [entry.name for entry in store.entries("sqlite")]

    done = prune(store, ALONE)

    first = {clock.timestamp(ago(days=8, hours=4)), clock.timestamp(ago(days=8))}
    assert times(store) == {clock.timestamp(ago(days=day)) for day in (1, 2, 3)} | first
    assert (done.prune.verdict, done.prune.removed, done.prune.kept) == ("passed", 11, 5)
    assert {each.kind for each in done.points} == {"volume"}
    assert {each.rule for each in done.points if each.backup_time == clock.timestamp(ago(days=8, hours=4))} == {
        "newest proven"
    }
    assert all(content_of(store, each.entry) for each in Repository(store, VOLUMES).points())
    assert [entry.name for entry in store.entries("sqlite")] == databases
    assert done.prune.notes[-1:] == ("costs is stored and not configured: it is not touched without --only costs",)
    assert list(store.leftovers("volumes")) == []


@pytest.mark.usefixtures("at_noon")
def test_volumes_that_are_not_configured_are_told_and_touched_only_where_they_are_named(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    fill(store)
    left = layout.sidecar_name(f"volumes/2026-04-01/{VOLUME}.tar.gz")
    store.write(left, b"left")
    before = times(store)

    done = prune(store, DATABASES)

    assert done.prune.removed == 11
    assert times(store) == before
    assert store.read(left)
    assert done.prune.notes == (f"{VOLUME} is stored and not configured: it is not touched without --only {VOLUME}",)
    with pytest.raises(ConfigError) as raised:
        prune(store, DATABASES, "grafana")
    assert "did you mean grafana-data?" in raised.value.mend
    named = prune(store, DATABASES, VOLUME)
    assert named.prune.removed == 11
    assert named.prune.notes == ("removed too, what a removal that was cut short had left: 1",)
    assert store.read(left) is None


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(("verdict", "why"), [("failed", "its newest drill failed"), (None, "its drill is overdue")])
def test_nothing_of_a_volume_goes_without_a_proof_or_after_a_failed_drill(
    tmp_path: Path, verdict: str | None, why: str
) -> None:
    store = FolderStore(tmp_path)
    archives = [back_up_volume(store, ago(days=days)) for days in range(8, 0, -1)]
    proven = [back_up(store, ago(days=days)) for days in range(8, 0, -1)][-1]
    keep_drill(store, ago(hours=2), [drilled(proven)], [drilled(archives[-1], "failed")] if verdict else [])

    done = prune(store, ALONE)

    assert done.prune.removed == 0
    assert any(why in each.rule for each in done.points)


def test_a_volume_in_which_no_file_is_left_takes_no_bucket_from_a_whole_one() -> None:
    full, empty = (
        point(ago(days=days), name=VOLUME, shelf=VOLUMES, files=files, row_total=None)
        for days, files in ((3, 12), (2, 0))
    )

    kept, emptied = decide(
        [InspectedPoint(full), InspectedPoint(empty)], RetentionSettings(keep_last=1, max_share=1), Guard(NOW)
    )

    assert "keep_last" in kept.rule
    assert "there is no file in it, before it had 12" in emptied.rule


def test_the_command_shows_both_kinds(folder_workshop: Workshop) -> None:
    now = clock.now().replace(microsecond=0)
    folder_workshop.add("costs")
    folder_workshop.more = {"volumes": [{"name": VOLUME}], "retention": {"keep_last": 2, "max_share": 0.5}}
    made = [
        (back_up(folder_workshop.store, taken), back_up_volume(folder_workshop.store, taken))
        for taken in (now - timedelta(days=days) for days in range(6, 1, -1))
    ]
    keep_drill(folder_workshop.store, now - timedelta(minutes=1), [drilled(made[-1][0])], [drilled(made[-1][1])])

    checked = folder_workshop.document("backup.prune", "--check")
    there = times(folder_workshop.store)
    done = folder_workshop.invoke("backup.prune")

    assert len(there) == 5
    assert [each["kind"] for each in checked["points"]] == ["database"] * 5 + ["volume"] * 5
    assert f"{VOLUME}: kind volume, taken {clock.timestamp(now - timedelta(days=6))}, what removed" in done.stdout
    assert done.stdout.rstrip().endswith("prune passed: 4 of 10 points in time removed, 6 kept")
    assert len(times(folder_workshop.store)) == 3
