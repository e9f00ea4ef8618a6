"""Whatever else stands in a folder, and whatever happens in it meanwhile: it is that point's trouble only."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local.store import catalog
from local.store.catalog import Point
from local.store.folder import FolderStore
from tests.local.store.archives import FIRST, LATER, NAME, content_of, contents, current, put
from tests.support.shelf import SHELF

ODD = "sqlite/2026-05-05/odd.db.gz"


def points(store: FolderStore) -> dict[str, Point]:
    return {point.name: point for point in catalog.from_entries(store.entries("sqlite"), SHELF)}


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _content(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def _beside(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(FIRST.content)
        path.with_name(f"{path.name}.json").write_bytes(content)

    return make


def _metadata_folder(path: Path) -> None:
    path.write_bytes(FIRST.content)
    path.with_name(f"{path.name}.json").mkdir()


def _huge_sidecar(path: Path) -> None:
    path.write_bytes(b"the script's")
    path.with_name(f"{path.name}.sha256").write_bytes(b"x" * 2_000_000)


ODDITIES: dict[str, Callable[[Path], None]] = {
    "a symlink to itself": _loop,
    "a symlink to nothing": _dangling,
    "a pipe": _pipe,
    "a folder": _folder,
    "deeply nested metadata": _beside(b"[" * 200_000),
    "metadata of numbers and lists": _beside(b'{"sha256": 5, "rows": [1], "taken": {}}'),
    "metadata of 2 MB": _beside(b'{"a": "' + b"x" * 2_000_000 + b'"}'),
    "a folder in place of metadata": _metadata_folder,
    "a sidecar of 2 MB": _huge_sidecar,
    "nothing at all": _content(b""),
    "zeros": _content(bytes(100_000)),
    "an end mark alone": _content(FIRST.content[-70:]),
    "an archive cut short": _content(FIRST.content[:-10]),
}


@pytest.mark.parametrize("odd", ODDITIES)
def test_an_odd_file_stops_no_other_and_keeps_no_backup_from_being_made(folder: Path, odd: str) -> None:
    store = FolderStore(folder)
    put(store, FIRST)
    ODDITIES[odd](folder / ODD)

    found = points(store)
    assert found["costs"].recorded.sha256 == FIRST.sha256
    for point in found.values():
        store.mend(point.entry)

    put(store, LATER)
    assert contents(store) == {FIRST.content, LATER.content}


@pytest.mark.parametrize("odd", [odd for odd in ODDITIES if "a folder" not in odd])
def test_a_backup_over_an_odd_file_is_made(folder: Path, odd: str) -> None:
    store = FolderStore(folder)
    (folder / NAME).parent.mkdir(parents=True)
    ODDITIES[odd](folder / NAME)

    put(store, LATER)

    assert content_of(store, current(store)) == LATER.content
    assert current(store).metadata == LATER.metadata


@pytest.mark.parametrize(
    "name",
    [
        "costs@yesterday.db.gz",
        "costs@20261399T999999.000Z.db.gz",
        "costs@20260505T040000.000Z@20260505T040000.000Z.db.gz",
        "@20260505T040000.000Z.db.gz",
        "costs.db.gz@20260505T040000.000Z",
        "co@sts.db.gz",
        "costs.db.gz.json.json",
        "costs.db.gz (1).json",
        ".DS_Store",
        "\udcff.db.gz",
    ],
)
def test_a_file_whose_name_is_nearly_ours_is_no_point_of_another_content(folder: Path, name: str) -> None:
    store = FolderStore(folder)
    put(store, FIRST)
    (folder / "sqlite/2026-05-05" / name).write_bytes(LATER.content)

    found = catalog.from_entries(store.entries("sqlite"), SHELF)

    assert [point.recorded.sha256 for point in found if point.current] == [FIRST.sha256]
    put(store, LATER)
    assert current(store).metadata == LATER.metadata


COMMIT_FOR_EVER = """
import os, sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from local.store.folder import FolderStore
from tests.local.store.archives import archive_of, put, FIRST_TAKEN
from tests.support.shelf import SHELF
os.fsync = lambda _: None
store = FolderStore(Path(sys.argv[1]))
for number in count():
    put(store, archive_of([b"%d" % number * 300], FIRST_TAKEN + timedelta(seconds=number)))
    print(number, flush=True)
"""


def test_no_point_vanishes_from_a_listing_while_commits_go_on(folder: Path) -> None:
    """And none is told with the metadata of another."""
    store = FolderStore(folder)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMIT_FOR_EVER, str(folder)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    committed = [0]

    def count_commits() -> None:
        assert process.stdout
        for line in process.stdout:
            committed[0] = int(line)

    counting = threading.Thread(target=count_commits)
    counting.start()
    try:
        looks, seen = 0, 0
        while looks < 60 or seen < 60:
            before = committed[0]
            found = catalog.from_entries(store.entries("sqlite"), SHELF)
            assert len({point.taken for point in found}) >= before, "one vanished"
            assert all(point.trouble is None for point in found)
            assert all(point.recorded.raw_sha256 for point in found)
            looks, seen = looks + 1, before
    finally:
        process.kill()
        counting.join()
        process.communicate()
