"""A backup that is removed while it is drilled: that drill proves nothing; one that cannot be read still fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.drill.run import drill_here
from local.drill.targets import Selection, Targets, find_targets
from local.events import unwatched
from local.report import DrillReport
from local.settings import Database
from local.store import layout
from local.store.folder import FolderStore
from local.store.interface import Store
from local.store.repository import Repository
from tests.local.store.archives import FIRST, NAME, entries_by_version, put
from tests.support.shelf import SHELF


def drill(store: Store) -> DrillReport:
    selection = Selection(Repository(store, SHELF), (Database(name="costs", path=Path("/unused")),))
    return drill_here(selection, "ANVIL", unwatched)


def test_a_backup_that_is_removed_after_it_was_chosen_is_inconclusive(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen_then_removed(selection: Selection, *, here: bool) -> Targets:
        targets = find_targets(selection, here=here)
        for entry in entries_by_version(store).values():
            assert store.remove(entry) is None
        return targets

    put(store, FIRST)
    monkeypatch.setattr("local.drill.run.find_targets", chosen_then_removed)

    report = drill(store)

    assert report.drill.verdict == "inconclusive"
    assert "was removed from the store since it was chosen" in report.databases[0].steps[0].detail


def test_a_backup_that_the_store_lists_and_that_cannot_be_read_fails(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    path.symlink_to("nowhere")
    (tmp_path / layout.sidecar_name(NAME)).write_bytes(layout.sidecar_line(FIRST.sha256, NAME))

    report = drill(FolderStore(tmp_path))

    assert report.drill.verdict == "failed"
    assert [step.name for step in report.databases[0].steps] == ["download"]
