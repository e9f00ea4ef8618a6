"""What only a folder promises: plain files that a person can read, and nothing outside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from local.store.atomic_file import TEMPORARY_PREFIX

from local.errors import StoreError
from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.open import open_store
from tests.local.store.archives import BLOCKS, LATER, METADATA, NAME, NEXT_DAY, RAW_BLOCKS, current, put


@pytest.mark.parametrize("name", ["../outside", "sqlite/../../outside", "/outside", "", ".", "sqlite//a", "sqlite/./a"])
def test_names_that_lead_out_of_the_folder_are_refused(folder: Path, folder_store: Store, name: str) -> None:
    calls = (
        lambda: folder_store.write(name, b"x"),
        lambda: folder_store.read(name),
        lambda: folder_store.upload(name, None),
        lambda: list(folder_store.entries(name)),
    )

    for call in calls:
        with pytest.raises(StoreError, match="no name in the store"):
            call()
    assert list(folder.iterdir()) == []
    assert not (folder.parent / "outside").exists()
    assert not Path("/outside").exists()


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    store = open_store(StoreSettings(url=(tmp_path / "gone").as_uri()), AzureSettings())

    with pytest.raises(StoreError, match="is not a folder"):
        list(store.entries("sqlite"))


def test_a_folder_holds_nothing_but_backups(folder: Path, folder_store: Store) -> None:
    put(folder_store, BLOCKS[:2], METADATA)
    put(folder_store, BLOCKS[2:], LATER)

    files = sorted(path.name for path in (folder / "sqlite/2026-05-05").iterdir())
    assert files == [
        "costs.db.gz",
        "costs.db.gz.json",
        "costs.db.gz@20260505T040000.000Z",
        "costs.db.gz@20260505T040000.000Z.json",
    ]


def test_gunzip_reads_what_stands_in_a_folder(folder: Path, folder_store: Store) -> None:
    put(folder_store, BLOCKS, METADATA)

    restored = subprocess.run(["gunzip", "-c", folder / NAME], capture_output=True, check=True).stdout
    assert restored == b"".join(RAW_BLOCKS)


def test_an_unchanged_database_takes_no_room_again(folder: Path, folder_store: Store) -> None:
    put(folder_store, BLOCKS, METADATA)

    assert folder_store.repeat(NEXT_DAY, current(folder_store), LATER) == 0
    assert (folder / NEXT_DAY).samefile(folder / NAME)


def test_what_a_crash_left_half_written_is_no_entry(folder: Path, folder_store: Store) -> None:
    put(folder_store, BLOCKS, METADATA)
    (folder / NAME).with_name(f"{TEMPORARY_PREFIX}0123456789abcdef").write_bytes(b"half")

    assert [entry.name for entry in folder_store.entries("sqlite")] == [NAME]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"sha256"', b"\xff"])
def test_metadata_that_does_not_read_contradicts_every_archive(
    folder: Path, folder_store: Store, content: bytes
) -> None:
    put(folder_store, BLOCKS, METADATA)
    (folder / f"{NAME}.json").write_bytes(content)

    assert current(folder_store).metadata == {"sha256": "unreadable"}


def test_a_link_is_the_file_s_own_path(folder: Path, folder_store: Store) -> None:
    put(folder_store, BLOCKS, METADATA)

    assert folder_store.link(current(folder_store), 60) == (folder / NAME).as_uri()


def test_a_folder_holds_no_blocks(folder_store: Store) -> None:
    with folder_store.upload(NAME, None) as upload:
        assert upload.held == ()
        with pytest.raises(StoreError, match="holds no blocks"):
            upload.keep(BLOCKS[0].id)
