"""What only a folder promises: plain files that a person can read, for nobody else's eyes, and nothing outside it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from local.errors import StoreError
from local.settings import AzureSettings, StoreSettings
from local.store import catalog, layout
from local.store.durable import TEMPORARY_FOLDER
from local.store.folder import FolderStore
from local.store.folder_lock import LOCK_FILE
from local.store.interface import Store
from local.store.open import open_store
from tests.local.store.archives import FIRST, LATER, LATER_TAKEN, NAME, NEXT_DAY, current, former, put
from tests.support.shelf import SHELF


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

    with pytest.raises(StoreError, match="there is no folder"):
        list(store.entries("sqlite"))
    with pytest.raises(StoreError, match="there is no folder"):
        store.folders("sqlite")


def test_a_folder_holds_nothing_but_backups(folder: Path, folder_store: Store) -> None:
    put(folder_store, FIRST)
    put(folder_store, LATER)

    assert sorted(path.name for path in (folder / "sqlite/2026-05-05").iterdir()) == [
        "costs.db.gz",
        "costs.db.gz.json",
        "costs.db.gz.sha256",
        "costs@20260505T040000.000Z.db.gz",
        "costs@20260505T040000.000Z.db.gz.json",
        "costs@20260505T040000.000Z.db.gz.sha256",
    ]
    assert list((folder / TEMPORARY_FOLDER).iterdir()) == []


def test_an_unchanged_database_takes_no_room_again(folder: Path, folder_store: Store) -> None:
    put(folder_store, FIRST)

    assert folder_store.repeat(NEXT_DAY, current(folder_store), FIRST.at(LATER_TAKEN)) == 0
    assert (folder / NEXT_DAY).samefile(folder / NAME)


def test_what_a_crash_left_half_written_is_no_entry(folder: Path, folder_store: Store) -> None:
    put(folder_store, FIRST)
    (folder / TEMPORARY_FOLDER / "host-1-0123456789abcdef").write_bytes(b"half")

    assert {entry.name for entry in FolderStore(folder).entries("sqlite")} == {NAME, f"{NAME}.sha256"}


def test_the_next_run_sweeps_what_a_dead_process_left_and_leaves_what_a_living_one_writes(
    folder: Path, folder_store: Store
) -> None:
    with folder_store.upload(NAME, None) as upload:
        upload.send(b"under way")
        (ours,) = (folder / TEMPORARY_FOLDER).iterdir()
        host, process, _ = ours.name.split("-")
        assert process == str(os.getpid())
        dead = ours.with_name(f"{host}-{2**22 + 1}-00")
        of_another_machine = ours.with_name("elsewhere-1-00")
        long_ago = ours.with_name("elsewhere-2-00")
        for path in (dead, of_another_machine, long_ago):
            path.write_bytes(b"half")
        os.utime(long_ago, (0, 0))

        with folder_store.lock():
            assert set((folder / TEMPORARY_FOLDER).iterdir()) == {ours, of_another_machine}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_whatever_the_umask(folder: Path, folder_store: Store, mask: int) -> None:
    before = os.umask(mask)
    try:
        with folder_store.lock():
            put(folder_store, FIRST)
            put(folder_store, LATER)
            folder_store.repeat(NEXT_DAY, current(folder_store), LATER.metadata)
        folder_store.write("drills/2026-05-05/20260505T120000.000Z-ANVIL.json", b"{}")
    finally:
        os.umask(before)

    found = {path: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert (folder / LOCK_FILE) in found


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"sha256"', b"\xff", b"[" * 100_000])
def test_metadata_that_does_not_read_is_as_good_as_none_where_the_archive_has_a_record(
    folder: Path, folder_store: Store, content: bytes
) -> None:
    put(folder_store, FIRST)
    (folder / f"{NAME}.json").write_bytes(content)

    entry = current(folder_store)

    assert entry.metadata == {key: value for key, value in FIRST.metadata.items() if key != "sha256"}
    assert folder_store.mend(entry).metadata == FIRST.metadata


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"sha256"', b"\xff", b"[" * 100_000])
def test_metadata_that_does_not_read_contradicts_an_archive_without_a_record(
    folder: Path, folder_store: Store, content: bytes
) -> None:
    folder_store.write(NAME, b"what the script stored")
    (folder / f"{NAME}.json").write_bytes(content)

    entry = current(folder_store)

    assert entry.metadata == {"sha256": "unreadable"}
    assert folder_store.mend(entry) == entry
    put(folder_store, LATER)
    assert former(folder_store).metadata == {"sha256": "unreadable"}


def test_metadata_of_another_content_is_not_believed(folder: Path, folder_store: Store) -> None:
    put(folder_store, FIRST)
    stale = (folder / f"{NAME}.json").read_bytes()
    put(folder_store, LATER)
    (folder / f"{NAME}.json").write_bytes(stale)

    (newest,) = (point for point in catalog.from_entries(folder_store.entries("sqlite"), SHELF) if point.current)

    assert newest.taken == LATER_TAKEN
    assert folder_store.mend(newest.entry).metadata == LATER.metadata


def test_an_archive_without_its_record_is_not_believed_to_be_the_one_that_its_metadata_tells_of(
    folder: Path, folder_store: Store
) -> None:
    put(folder_store, FIRST)
    (folder / NAME).write_bytes(FIRST.content[:-1] + b"\x01")

    entry = current(folder_store)

    assert entry.metadata["sha256"] == FIRST.sha256, "so its checksum step fails"
    assert json.loads((folder / f"{NAME}.json").read_bytes())["record_sha256"] == entry.metadata["record_sha256"]


def test_the_json_beside_an_archive_has_jsons_own_types_and_reads_as_what_was_written(
    folder: Path, folder_store: Store
) -> None:
    put(folder_store, FIRST)

    told = json.loads((folder / f"{NAME}.json").read_bytes())

    numbers = {"raw_bytes", "page_size", "page_count", "user_version", "row_total", "added_bytes"}
    assert {key for key, value in told.items() if isinstance(value, int)} == numbers & told.keys()
    assert numbers & told.keys()
    assert told["rows"] == {"runs": 2}
    assert dict(current(folder_store).metadata) == dict(FIRST.metadata)


@pytest.mark.parametrize(
    ("key", "text", "own"),
    [
        ("raw_bytes", "4096", 4096),
        ("user_version", "-1", -1),
        ("raw_bytes", "4_096", "4_096"),
        ("raw_bytes", "9" * 5000, "9" * 5000),
        ("raw_bytes", "\u0664", "\u0664"),
        ("raw_bytes", "", ""),
        ("rows", "[", "["),
        ("tool", "7", "7"),
        ("of another", "7", "7"),
    ],
)
def test_what_does_not_read_as_a_number_stays_text(key: str, text: str, own: object) -> None:
    assert layout.own_types({key: text}) == {key: own}


def test_a_rotten_archive_is_never_given_the_digest_that_it_has_now(folder: Path, folder_store: Store) -> None:
    put(folder_store, FIRST)
    rotten = bytearray(FIRST.content)
    rotten[50] ^= 1
    (folder / NAME).write_bytes(rotten)

    folder_store.mend(current(folder_store))
    put(folder_store, LATER)

    assert former(folder_store).metadata == FIRST.metadata
    assert FIRST.sha256.encode() in next(folder.glob("sqlite/*/costs@*.sha256")).read_bytes()


def test_a_link_is_the_file_s_own_path(folder: Path, folder_store: Store) -> None:
    put(folder_store, FIRST)

    assert folder_store.link(current(folder_store), 60) == (folder / NAME).as_uri()


def test_a_folder_knows_no_blocks(folder_store: Store) -> None:
    with folder_store.upload(NAME, None) as upload:
        upload.send(FIRST.content)
        assert upload.base_blocks == ()
        assert upload.commit(FIRST.metadata) == ()


def test_two_contents_of_one_moment_are_both_kept(folder: Path, folder_store: Store) -> None:
    for archive in (FIRST, LATER, FIRST, LATER):
        with folder_store.upload(NAME, None) as upload:
            upload.send(archive.content)
            upload.commit(archive.at(LATER_TAKEN))

    kept = [path.read_bytes() for path in folder.glob("sqlite/*/costs@*.db.gz")]
    assert sorted(kept) == sorted([FIRST.content, LATER.content])
