"""A run that is killed, or meets a full disk, at any file operation: nothing is lost, and the next one goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.store import catalog, layout
from local.store.durable import TEMPORARY_FOLDER
from local.store.folder import FolderStore
from tests.local.store.archives import (
    FIRST,
    FIRST_TAKEN,
    LAST,
    LATER,
    NEXT_DAY,
    Archive,
    archive_of,
    content_of,
    contents,
    current,
    put,
)
from tests.support.file_faults import cases
from tests.support.shelf import SHELF

RUNS = "tests.local.store.folder_runs"
FAULTS = [("kill",), ("full",), ("kill", "no-links"), ("full", "no-links")]
NEXT = archive_of([b"next" * 1000], LAST.recorded.taken or FIRST_TAKEN)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process leaves what the kernel has, on the disk or not."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the cases lie."""
    return tmp_path / "cases"


def assert_whole(store: FolderStore) -> None:
    """Every content is one of ours, whole, and after mending what stands beside it says just that."""
    known = {archive.content: archive for archive in (FIRST, LATER, LAST, NEXT)}
    for entry in list(store.entries("sqlite")):
        if not entry.name.endswith(".db.gz"):
            continue
        archive: Archive = known[content_of(store, entry)]
        mended = layout.decode_metadata(store.mend(entry).metadata)
        assert (mended.sha256, mended.raw_sha256, mended.rows) == (
            archive.sha256,
            archive.recorded.raw_sha256,
            archive.recorded.rows,
        )
        path = store.local_path(entry)
        assert path is not None
        sidecar = path.with_name(f"{path.name}.sha256").read_bytes()
        assert sidecar == layout.sidecar_line(archive.sha256, path.name)


def assert_next_run_goes_on(store: FolderStore, *former: Archive) -> None:
    """A next commit succeeds, what there was before is still there, and nothing temporary is."""
    with store.lock():
        put(store, NEXT)
    assert contents(store) >= {NEXT.content, *(archive.content for archive in former)}
    assert_whole(store)
    assert list((store.root / TEMPORARY_FOLDER).iterdir()) == []


@pytest.mark.parametrize("faults", FAULTS)
@pytest.mark.parametrize("before", [[FIRST], [FIRST, LATER]], ids=["first", "second"])
def test_a_commit_may_end_anywhere(
    folder: Path, folder_store: FolderStore, target: Path, faults: tuple[str, ...], before: list[Archive]
) -> None:
    for archive in before:
        put(folder_store, archive)

    found = [FolderStore(case) for case in cases(f"{RUNS}:commit", folder, target, *faults)]

    assert len(found) > 15
    seen = [content_of(store, current(store)) for store in found]
    assert seen[0] == before[-1].content
    assert seen[-1] == LAST.content
    for store in found:
        assert contents(store) >= {archive.content for archive in before}
        assert_whole(store)
        assert_next_run_goes_on(store, *before)


@pytest.mark.parametrize("faults", [("kill",), ("kill", "no-links")])
def test_a_commit_that_ends_anywhere_is_done_by_running_it_again(
    folder: Path, folder_store: FolderStore, target: Path, faults: tuple[str, ...]
) -> None:
    put(folder_store, FIRST)

    for case in cases(f"{RUNS}:commit", folder, target, *faults):
        store = FolderStore(case)
        with store.lock():
            put(store, LAST)
        assert contents(store) == {FIRST.content, LAST.content}
        assert_whole(store)


@pytest.mark.parametrize("faults", FAULTS)
def test_a_repetition_on_another_day_may_end_anywhere(
    folder: Path, folder_store: FolderStore, target: Path, faults: tuple[str, ...]
) -> None:
    put(folder_store, FIRST)
    put(folder_store, LATER)

    found = [FolderStore(case) for case in cases(f"{RUNS}:repeat_on_the_next_day", folder, target, *faults)]

    assert content_of(found[-1], current(found[-1], NEXT_DAY)) == LATER.content
    for store in found:
        assert contents(store) == {FIRST.content, LATER.content}
        assert_whole(store)
        assert_next_run_goes_on(store, FIRST, LATER)


@pytest.mark.parametrize("faults", FAULTS)
def test_a_repetition_over_another_content_may_end_anywhere(
    folder: Path, folder_store: FolderStore, target: Path, faults: tuple[str, ...]
) -> None:
    put(folder_store, FIRST)
    put(folder_store, LATER, NEXT_DAY)

    found = [FolderStore(case) for case in cases(f"{RUNS}:repeat_over_another", folder, target, *faults)]

    assert content_of(found[-1], current(found[-1])) == LATER.content
    for store in found:
        assert FIRST.content in contents(store)
        assert_whole(store)
        assert_next_run_goes_on(store, FIRST)


@pytest.mark.parametrize("faults", FAULTS[:2])
def test_a_small_file_is_the_old_one_or_the_new_one(folder: Path, target: Path, faults: tuple[str, ...]) -> None:
    name = "drills/2026-05-05/record.json"
    FolderStore(folder).write(name, b"old")

    found = [FolderStore(case).read(name) for case in cases(f"{RUNS}:write_a_record", folder, target, *faults)]

    assert set(found) == {b"old", b"new" * 1000}
    assert found[0] == b"old"
    assert found[-1] == b"new" * 1000


def test_all_cases_have_their_points_in_time(folder: Path, folder_store: FolderStore, target: Path) -> None:
    put(folder_store, FIRST)
    put(folder_store, LATER)

    for case in cases(f"{RUNS}:commit", folder, target, "kill"):
        points = catalog.from_entries(FolderStore(case).entries("sqlite"), SHELF)
        assert {point.taken for point in points} >= {FIRST.recorded.taken, LATER.recorded.taken}
        assert all(point.trouble is None for point in points)
