"""What the README says under "Restore by hand", done letter for letter: with a folder, and with what Azure gives."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from local.settings import StoreSettings
from local.store import layout
from local.store.folder_names import former_path
from local.store.interface import Store
from local.store.shelf import VOLUMES
from tests.local.store.archives import (
    FIRST_TAKEN,
    LATER_TAKEN,
    NAME,
    NEXT_DAY,
    Archive,
    archive_of,
    current,
    former,
    put,
)
from tests.local.watch.stored import volume_archive
from tests.support.azurite import KEY

README = (Path(__file__).parents[3] / "README.md").read_text()
SECTION = README.partition("## Restore by hand")[2].partition("\n## ")[0]
(_, COMMANDS, VOLUME_COMMANDS) = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)


def database(folder: Path, rows: int, taken: datetime) -> Archive:
    """The archive of a database with so many runs, in two members."""
    path = folder / f"{rows}.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE runs(cost)")
        connection.executemany("INSERT INTO runs VALUES (?)", ((number,) for number in range(rows)))
    raw = path.read_bytes()
    return archive_of([raw[:4096], raw[4096:]], taken)


@pytest.fixture
def first(tmp_path: Path) -> Archive:
    return database(tmp_path, 100, FIRST_TAKEN)


@pytest.fixture
def later(tmp_path: Path) -> Archive:
    return database(tmp_path, 200, LATER_TAKEN)


def restored(folder: Path, name: str) -> bytes:
    """The database that the README's commands make in `folder`."""
    commands = COMMANDS if shutil.which("sha256sum") else COMMANDS.replace("sha256sum", "shasum -a 256")
    done = subprocess.run(
        ["sh", "-ec", f"NAME={name}\n{commands}"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [f"{name}.db.gz: OK", "ok"], done.stderr
    assert done.stderr == ""
    return (folder / f"{name}.db").read_bytes()


def test_a_volume_with_sha256sum_and_tar_alone(folder: Path, folder_store: Store) -> None:
    archive = volume_archive(FIRST_TAKEN)
    put(folder_store, archive, VOLUMES.data_name(FIRST_TAKEN.date(), "grafana-data"))
    day = folder / f"volumes/{FIRST_TAKEN.date()}"
    commands = VOLUME_COMMANDS if shutil.which("sha256sum") else VOLUME_COMMANDS.replace("sha256sum", "shasum -a 256")

    done = subprocess.run(
        ["sh", "-ec", f"NAME=grafana-data\n{commands}"], cwd=day, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("grafana-data.tar.gz: OK\n", "")
    found = {path.name: path.read_bytes() for path in (day / "grafana-data").iterdir()}
    assert found == {"a.txt": b"always the same", "b.txt": f"{FIRST_TAKEN}".encode(), "c.log": b"growing"}


def test_in_a_folder_the_newest_and_the_former_content(
    folder: Path, folder_store: Store, first: Archive, later: Archive
) -> None:
    put(folder_store, first)
    put(folder_store, later)
    day = (folder / NAME).parent
    kept = former_path(folder / NAME, former(folder_store).version or "")

    assert restored(day, "costs") == later.raw
    assert restored(day, kept.name.removesuffix(".db.gz")) == first.raw


def test_in_a_folder_a_content_that_several_days_share(folder: Path, folder_store: Store, first: Archive) -> None:
    put(folder_store, first)
    folder_store.repeat(NEXT_DAY, current(folder_store), first.at(LATER_TAKEN))

    assert (folder / NAME).stat().st_nlink == 2
    assert restored((folder / NAME).parent, "costs") == first.raw
    assert restored((folder / NEXT_DAY).parent, "costs") == first.raw


def test_from_azure_the_newest_and_the_former_content(
    azure_store: Store, azure_store_settings: StoreSettings, tmp_path: Path, first: Archive, later: Archive
) -> None:
    from azure.storage.blob import ContainerClient

    put(azure_store, first)
    put(azure_store, later)
    snapshot = (former(azure_store).version or "").removeprefix("snapshot=")
    hands = tmp_path / "hands"
    hands.mkdir()
    with ContainerClient.from_container_url(azure_store_settings.url, credential=KEY) as client:
        for name in (NAME, layout.sidecar_name(NAME)):
            content = client.get_blob_client(name).download_blob().readall()
            (hands / name.rpartition("/")[2]).write_bytes(content)
        assert restored(hands, "costs") == later.raw

        loading = client.get_blob_client(NAME, snapshot=snapshot).download_blob()
        (hands / "costs.db.gz").write_bytes(loading.readall())
        (hands / "costs.db.gz.sha256").write_text(f"{loading.properties.metadata['sha256']}  costs.db.gz\n")
        assert restored(hands, "costs") == first.raw
