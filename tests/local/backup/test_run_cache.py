"""The cache of a run: without it, or with a wrong one, the result is the same."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from local.archive.cache import cache_folder
from local.backup.run import back_up
from local.backup.upload import SnapshotUpload, Stored
from local.events import unwatched
from local.settings import AzureSettings, Database, StoreSettings
from local.store.open import open_repository
from tests.local.backup.live_databases import change
from tests.support.azurite import KEY
from tests.support.workshop import CHECKOUT, Workshop, make_database


@pytest.mark.parametrize("harm", ["stale", pytest.param("a file", marks=pytest.mark.long)])
def test_the_cache_never_changes_a_result(azure_workshop: Workshop, harm: str) -> None:
    path = azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    folder = cache_folder(azure_workshop.store_settings) / "cache/costs"
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    change(path)
    if harm == "a file":
        shutil.rmtree(folder)
        folder.write_bytes(b"no folder")
    else:
        azure_workshop.invoke("backup")
        change(path, "again")
        for name, content_of_it in kept.items():
            (folder / name).write_bytes(content_of_it)

    assert azure_workshop.invoke("backup").returncode == 0
    assert azure_workshop.invoke("drill.local").returncode == 0
    assert azure_workshop.document("drill.local")["databases"][0]["rows"]["tasks"]["restored"] == 1000


@pytest.mark.parametrize("content", [b"", b"another content"])
def test_a_blob_whose_metadata_alone_is_the_remembered_one_is_written_anew(
    azure_workshop: Workshop, azure_store_settings: StoreSettings, content: bytes
) -> None:
    """As Abort Copy Blob leaves it: no content, and the whole metadata."""
    from azure.storage.blob import ContainerClient

    azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    (point,) = azure_workshop.repository.points()
    with ContainerClient.from_container_url(azure_store_settings.url, credential=KEY) as container:
        container.upload_blob(point.entry.name, content, metadata=dict(point.entry.metadata), overwrite=True)
    assert azure_workshop.invoke("drill.local").returncode == 1

    assert azure_workshop.invoke("backup").returncode == 0

    assert azure_workshop.invoke("drill.local").returncode == 0


def test_a_folder_needs_no_cache(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    folder_workshop.invoke("backup")

    assert not (cache_folder(folder_workshop.store_settings) / "cache").exists()


@pytest.mark.parametrize("finish", [SnapshotUpload.deliver, SnapshotUpload.preview])
def test_what_changed_is_known_also_where_the_cache_is_gone(
    finish: Callable[[SnapshotUpload], Stored], azure_store_settings: StoreSettings, tmp_path: Path
) -> None:
    path = tmp_path / "costs.db"
    make_database(path, rows=40_000)
    opening = partial(open_repository, azure_store_settings, AzureSettings())

    def run(own: str, finish: Callable[[SnapshotUpload], Stored] = SnapshotUpload.deliver) -> float | None:
        report = back_up(opening, [Database(name="costs", path=path)], tmp_path / own, unwatched, finish)
        return report.databases[0].changed

    assert run("this machine") == 1, "all of it is new"
    change(path)
    share = run("without a cache", finish)

    assert share is not None
    assert 0 < share < 0.5
    if finish is SnapshotUpload.preview:
        assert run("this machine", finish) == share
    assert run("this machine") in (0.0, share)


def test_a_corrupt_database_leaves_nothing_in_the_cache(azure_workshop: Workshop) -> None:
    path = azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    folder = cache_folder(azure_workshop.store_settings)
    before = sorted(str(file) for file in folder.rglob("*"))
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)

    for _ in range(3):
        assert azure_workshop.invoke("backup").returncode == 1

    assert sorted(str(file) for file in folder.rglob("*")) == before


def test_a_full_disk_for_the_cache_is_told_and_not_a_traceback(folder_workshop: Workshop) -> None:
    path = folder_workshop.root / "big.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE noise (noise BLOB)")
        connection.executemany("INSERT INTO noise VALUES (?)", ((os.urandom(1_000_000),) for _ in range(4)))
    folder_workshop.add("big", path)
    # No file may grow beyond 2 MiB: the snapshot meets what a full disk would say.
    command = ["sh", "-c", 'ulimit -f 4096; trap "" XFSZ; exec "$@"', "sh", *folder_workshop.command("backup")]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)

    assert done.returncode == 1
    assert "big: verdict failed" in done.stdout
    assert "Traceback" not in done.stderr
    assert folder_workshop.names() == []
