"""`backup.prune` on a real store: what goes, what stays, what is told, and what a kill or a refusal leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local import clock
from local.errors import ConfigError, LockHeldError
from local.events import unwatched
from local.settings import AzureSettings, Database, DrillSettings, RetentionSettings, Settings, StoreSettings
from local.store import layout
from local.store.folder import FolderStore
from local.store.interface import Entry, Store
from local.store.repository import Repository
from local.watch.prune import PruneReport, carry_out, locked, report
from local.watch.prune_plan import defect, make_plan
from tests.local.store.archives import content_of
from tests.local.watch.stored import back_up, drilled, keep_drill
from tests.local.watch.values import NOW, ago, point
from tests.support.shelf import SHELF
from tests.support.workshop import Workshop

RULES = RetentionSettings(keep_last=1, keep_daily=3, max_share=1.0)
SETTINGS = Settings(
    store=StoreSettings(url="file:///unused"),
    databases=(Database(name="costs", path=Path("/unused")),),
    azure=AzureSettings(),
    drill=DrillSettings(),
    retention=RULES,
)


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of the values of these tests."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def filled(store: Store) -> Store:
    """Two backups on each of eight days, of which the first was proven today."""
    archives = [back_up(store, ago(days=days, hours=hours)) for days in range(8, 0, -1) for hours in (4, 0)]
    keep_drill(store, ago(hours=1), [drilled(archives[0])])
    return store


def prune(store: Store, settings: Settings = SETTINGS, only: tuple[str, ...] = ()) -> PruneReport:
    repository = Repository(store, SHELF)
    plan = make_plan(settings, repository, only)
    return report(carry_out(plan, repository, unwatched), plan, check=False)


def times(store: Store) -> set[str]:
    return {clock.timestamp(each.taken) for each in Repository(store, SHELF).points()}


def test_it_removes_what_no_rule_keeps_and_all_that_stays_is_whole(filled: Store) -> None:
    records = [entry.name for entry in filled.entries("drills")]

    done = prune(filled)

    expected = {clock.timestamp(ago(days=day)) for day in (1, 2, 3)}
    first = {clock.timestamp(ago(days=8, hours=4)), clock.timestamp(ago(days=8))}
    assert times(filled) == expected | first, "of the first day the proven one, and the one on which it hangs"
    assert (done.prune.verdict, done.prune.removed, done.prune.kept) == ("passed", 11, 5)
    assert {each.backup_time for each in done.points if each.kept} == times(filled)
    assert all(content_of(filled, each.entry) for each in Repository(filled, SHELF).points())
    assert [entry.name for entry in filled.entries("drills")] == records
    assert list(filled.leftovers("sqlite")) == []
    again = prune(filled)
    assert (again.prune.removed, again.prune.kept) == (0, 5)


def test_each_point_says_its_rule(filled: Store) -> None:
    rules = {each.backup_time: each.rule for each in prune(filled).points}

    assert rules[clock.timestamp(ago(days=1))].startswith("keep_last, keep_daily 2026-05-04, newest")
    assert rules[clock.timestamp(ago(days=8, hours=4))] == "newest proven"
    assert rules[clock.timestamp(ago(days=1, hours=4))] == "keep_daily: a newer one of 2026-05-04 is kept"
    assert rules[clock.timestamp(ago(days=5))] == "keep_daily: 2026-04-30 is further back than 3"


@pytest.mark.parametrize("verdict", ["failed", "inconclusive"])
def test_nothing_goes_without_a_proof_or_after_a_failed_drill(folder_store: Store, verdict: str) -> None:
    archives = [back_up(folder_store, ago(days=days)) for days in range(8, 0, -1)]
    if verdict == "failed":
        keep_drill(folder_store, ago(hours=2), [drilled(archives[-1])])
    keep_drill(folder_store, ago(hours=1), [drilled(archives[-1], verdict)])  # type: ignore[arg-type]

    done = prune(folder_store)

    assert done.prune.removed == 0
    held = {each.rule for each in done.points if "nothing is removed" in each.rule}
    assert held == {
        "nothing is removed while its newest drill failed"
        if verdict == "failed"
        else "nothing is removed while its drill is overdue: invoke drill.local --only costs"
    }


def test_a_drill_under_a_clock_that_is_far_ahead_lets_nothing_go_of_what_was_proven_before(
    folder_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that such a machine counts as proven is in the future once its clock is right again."""
    archives = [back_up(folder_store, ago(days=days)) for days in range(8, 0, -1)]
    keep_drill(folder_store, ago(days=7), [drilled(archives[0])])
    ahead = NOW + timedelta(days=400)
    monkeypatch.setattr(clock, "now", lambda: ahead)
    wrong = [back_up(folder_store, ahead - timedelta(hours=hours)) for hours in (30, 1)]
    keep_drill(folder_store, ahead, [drilled(wrong[-1])])

    done = prune(folder_store)

    assert done.prune.removed == 0
    held = {each.rule for each in done.points if "nothing is removed" in each.rule}
    assert held == {
        "nothing is removed until 2027-07-14: no drill is recorded between 2026-04-28 and 2027-06-09 (was the machine "
        "off, or is its clock wrong? date -u)"
    }


def test_a_name_that_is_not_configured_is_touched_only_where_it_is_named(filled_folder: Store) -> None:
    other = Settings(
        store=SETTINGS.store, databases=(Database(name="hivemind", path=Path("/unused")),), retention=RULES
    )

    untouched = prune(filled_folder, other)

    assert untouched.points == ()
    assert untouched.prune.notes == ("costs is stored and not configured: it is not touched without --only costs",)
    with pytest.raises(ConfigError, match="configured or stored"):
        prune(filled_folder, other, ("cots",))
    assert prune(filled_folder, other, ("costs",)).prune.removed == 11


@pytest.fixture
def folder_store(tmp_path: Path) -> Store:
    """An empty folder."""
    folder = tmp_path / "alone"
    folder.mkdir()
    return FolderStore(folder)


@pytest.fixture
def filled_folder(folder_store: Store) -> Store:
    """As `filled`, in a folder."""
    archives = [back_up(folder_store, ago(days=days, hours=hours)) for days in range(8, 0, -1) for hours in (4, 0)]
    keep_drill(folder_store, ago(hours=1), [drilled(archives[0])])
    return folder_store


class FailingStore(FolderStore):
    """A folder that removes so many contents, and then holds one, and then fails."""

    left = 3

    def remove(self, entry: Entry) -> str | None:
        self.left -= 1
        if self.left == 0:
            return "a lease"
        if self.left < 0:
            raise ConfigError("store: remove", "it broke", "mend it")
        return super().remove(entry)


def test_what_the_store_holds_is_told_and_an_error_ends_the_run_with_the_rest_kept(filled_folder: FolderStore) -> None:
    done = prune(FailingStore(filled_folder.root))

    assert (done.prune.verdict, done.prune.removed) == ("failed", 2)
    assert "the store keeps it: a lease" in {each.rule for each in done.points if each.kept}
    assert done.prune.notes[-1] == "store: remove: it broke; mend it"
    assert {each.backup_time for each in done.points if each.kept} == times(filled_folder)


def test_a_leftover_of_a_killed_run_goes_with_the_next(filled: Store) -> None:
    name = layout.sidecar_name("sqlite/2026-04-01/costs.db.gz")
    filled.write(name, b"left")
    filled.write("sqlite/2026-04-01/hivemind.db.gz.sha256", b"another database's")

    done = prune(filled)

    assert filled.read(name) is None
    assert filled.read("sqlite/2026-04-01/hivemind.db.gz.sha256") is not None
    assert "removed too, what a removal that was cut short had left: 1" in done.prune.notes


def test_a_snapshot_whose_commit_failed_goes_with_its_point(azure_store: Store) -> None:
    from azure.storage.blob import ContainerClient

    from tests.support.azurite import KEY

    archives = [back_up(azure_store, ago(days=days)) for days in (9, 2)]
    keep_drill(azure_store, ago(hours=1), [drilled(archives[1])])
    with ContainerClient.from_container_url(azure_store.url, credential=KEY) as client:
        blob = client.get_blob_client(SHELF.data_name(ago(days=9).date(), "costs"))
        blob.create_snapshot(metadata=dict(archives[0].metadata))
    rules = Settings(
        store=SETTINGS.store, databases=SETTINGS.databases, retention=RetentionSettings(keep_last=1, max_share=1)
    )

    assert prune(azure_store, rules).prune.removed == 1

    assert times(azure_store) == {clock.timestamp(ago(days=2))}


@pytest.fixture
def azure_store(azure_store_settings: StoreSettings) -> Store:
    """A container of its own."""
    from local.store.open import open_store

    return open_store(azure_store_settings, AzureSettings())


def test_a_backup_and_a_prune_keep_each_other_out(folder_store: Store, tmp_path: Path) -> None:
    repository = Repository(folder_store, SHELF)

    with locked(tmp_path / "cache", repository), pytest.raises(LockHeldError), locked(tmp_path / "cache", repository):
        pass
    with locked(tmp_path / "cache", repository), pytest.raises(LockHeldError), locked(tmp_path / "other", repository):
        pass


WHOLE = point(ago(days=1))
SIDECAR = layout.sidecar_line(WHOLE.recorded.sha256 or "", WHOLE.entry.name)


@pytest.mark.parametrize(
    ("found", "sidecar", "expected"),
    [
        (WHOLE, SIDECAR, None),
        (WHOLE, None, "its sidecar is missing"),
        (WHOLE, b"?", "its sidecar holds no SHA-256"),
        (WHOLE, layout.sidecar_line("ab" * 32, "x"), "its sidecar and its metadata disagree"),
        (point(ago(days=1), version="v"), None, None),
        (point(ago(days=1), version="v", sha256=None), None, "what stands beside it says no SHA-256"),
        (point(ago(days=1), sha256=None, raw_sha256="ab" * 32), SIDECAR, "what stands beside it says no SHA-256"),
        (point(ago(days=1), sha256=None), SIDECAR, None),
        (point(ago(days=1), size=0), SIDECAR, "it is empty"),
        (point(ago(days=1), database="hivemind"), SIDECAR, "it says that it is of the database 'hivemind'"),
        (replace(WHOLE, trouble="rows do not read"), SIDECAR, "rows do not read"),
    ],
)
def test_what_is_no_whole_backup_shows_without_its_content(found: object, sidecar: bytes | None, expected: str) -> None:
    assert defect(found, lambda: sidecar) == expected  # type: ignore[arg-type]


def test_the_command_shows_the_plan_first_and_then_carries_it_out(folder_workshop: Workshop) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    folder_workshop.add("costs")
    for days in range(6, 1, -1):
        archive = back_up(folder_workshop.store, now - timedelta(days=days))
    keep_drill(folder_workshop.store, now - timedelta(minutes=1), [drilled(archive)])
    unconfigured = folder_workshop.invoke("backup.prune")
    folder_workshop.more["retention"] = {"keep_last": 2, "max_share": 0.5}

    checked = folder_workshop.document("backup.prune", "--check")
    there = times(folder_workshop.store)
    done = folder_workshop.invoke("backup.prune")

    assert unconfigured.returncode == 2
    assert "retention: is missing, so nothing is ever pruned" in unconfigured.stderr
    assert checked["prune"] == {"verdict": "passed", "check": True, "removed": 2, "kept": 3, "notes": []}
    assert len(there) == 5
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("prune passed: 2 of 5 points in time removed, 3 kept")
    assert times(folder_workshop.store) == {each["backup_time"] for each in checked["points"] if each["kept"]}
