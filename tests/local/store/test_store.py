"""Every promise of the store, kept by the folder and by Azure alike."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from local.archive import gzip_member as member
from local.errors import PillarError, StoreError
from local.settings import AzureSettings, StoreSettings
from local.store import catalog, layout
from local.store.interface import SMALL_BLOB_BYTES, Entry, Store
from local.store.open import open_store

NAME = "sqlite/2026-05-05/costs.db.gz"
METADATA = {"sha256": "a" * 64, "taken": "2026-05-05T04:00:00.000Z"}
LATER = {"sha256": "b" * 64, "taken": "2026-05-05T08:00:00.000Z"}
BLOCKS = [member.compress(bytes([number]) * 5000) for number in range(4)]


def put(store: Store, blocks: list[member.Block], metadata: dict[str, str], name: str = NAME) -> None:
    with store.upload(name, None) as upload:
        for block in blocks:
            upload.put(block.id, block.data)
        upload.commit(metadata)


def content_of(store: Store, entry: Entry) -> bytes:
    with urlopen(store.link(entry, 60)) as answer:
        content: bytes = answer.read()
    return content


def entries(store: Store) -> dict[str | None, Entry]:
    return {entry.version: entry for entry in store.entries("sqlite") if entry.name == NAME}


def current(store: Store, name: str = NAME) -> Entry:
    (entry,) = (entry for entry in store.entries("sqlite") if entry.name == name and entry.version is None)
    return entry


def test_an_empty_store_has_no_entries(store: Store) -> None:
    assert list(store.entries("sqlite")) == []
    assert store.read(NAME) is None


def test_what_was_written_is_read_back_and_replaced_whole(store: Store) -> None:
    store.write("sqlite/2026-05-05/costs.db.gz.sha256", b"one, and longer")
    store.write("sqlite/2026-05-05/costs.db.gz.sha256", b"two")

    assert store.read("sqlite/2026-05-05/costs.db.gz.sha256") == b"two"


def test_a_huge_blob_where_a_small_one_should_be_is_refused(store: Store) -> None:
    store.write(NAME, bytes(SMALL_BLOB_BYTES + 1))

    with pytest.raises(StoreError, match="more than"):
        store.read(NAME)


def test_an_archive_appears_whole_with_its_metadata(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    entry = current(store)
    assert entry.size == sum(len(block.data) for block in BLOCKS)
    assert entry.metadata == METADATA
    assert content_of(store, entry) == b"".join(block.data for block in BLOCKS)


def test_nothing_is_visible_before_the_commit_nor_after_a_failure(store: Store) -> None:
    def fail() -> None:
        with store.upload(NAME, None) as upload:
            upload.put(BLOCKS[0].id, BLOCKS[0].data)
            assert list(store.entries("sqlite")) == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(store.entries("sqlite")) == []


def test_a_failure_leaves_the_former_content_the_current_one(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    def fail() -> None:
        with store.upload(NAME, current(store)) as upload:
            upload.put(BLOCKS[1].id, BLOCKS[1].data)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert current(store).metadata == METADATA
    assert content_of(store, current(store)) == b"".join(block.data for block in BLOCKS)


def test_a_later_run_of_the_day_keeps_the_former_content(store: Store) -> None:
    put(store, BLOCKS[:2], METADATA)
    put(store, BLOCKS[2:], LATER)

    found = entries(store)
    assert len(found) == 2
    assert found[None].metadata == LATER
    (former,) = (entry for version, entry in found.items() if version)
    assert former.metadata == METADATA
    assert content_of(store, former) == b"".join(block.data for block in BLOCKS[:2])
    assert content_of(store, found[None]) == b"".join(block.data for block in BLOCKS[2:])


def test_the_former_scripts_content_keeps_its_sidecars_digest(store: Store) -> None:
    store.write(NAME, b"what the script stored")
    digest = hashlib.sha256(b"what the script stored").hexdigest()
    store.write(layout.sidecar_name(NAME), f"{digest}  /Users/x/backups/costs.db.gz\n".encode())

    put(store, BLOCKS, METADATA)

    (former,) = (entry for version, entry in entries(store).items() if version)
    assert former.metadata == {"sha256": digest}
    assert content_of(store, former) == b"what the script stored"


def test_the_same_content_repeated_on_the_day_is_a_point_in_time_of_its_own(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    store.repeat(NAME, current(store), LATER)

    found = entries(store)
    assert found[None].metadata == LATER
    assert [entry.metadata for version, entry in found.items() if version] == [METADATA]
    assert content_of(store, found[None]) == b"".join(block.data for block in BLOCKS)


def test_the_same_content_repeated_on_another_day_stands_under_both(store: Store) -> None:
    put(store, BLOCKS, METADATA)
    next_day = "sqlite/2026-05-06/costs.db.gz"

    store.repeat(next_day, current(store), LATER)

    assert content_of(store, current(store, next_day)) == content_of(store, current(store))
    assert current(store, next_day).metadata == LATER
    assert current(store).metadata == METADATA


def test_names_that_lead_out_of_the_store_are_refused(store_settings: StoreSettings) -> None:
    store = open_store(store_settings, AzureSettings())

    if store_settings.url.startswith("file:"):
        with pytest.raises(StoreError, match="no name in the store"):
            store.write("../outside", b"x")
        assert not Path(store_settings.url.removeprefix("file://"), "../outside").exists()


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    store = open_store(StoreSettings(url=(tmp_path / "gone").as_uri()), AzureSettings())

    with pytest.raises(StoreError, match="is not a folder"):
        list(store.entries("sqlite"))


def test_a_container_that_is_not_there_is_told_and_never_taken_for_an_empty_one(
    azure_store_settings: StoreSettings,
) -> None:
    store = open_store(StoreSettings(url=f"{azure_store_settings.url}gone"), AzureSettings())

    for call in (lambda: list(store.entries("sqlite")), lambda: store.read(NAME), lambda: store.upload(NAME, None)):
        with pytest.raises(PillarError, match=r"ContainerNotFound|container"):
            call()


def test_another_writers_commit_in_between_is_noticed(azure_store_settings: StoreSettings) -> None:
    store = open_store(azure_store_settings, AzureSettings())
    put(store, BLOCKS[:1], METADATA)

    with store.upload(NAME, current(store)) as upload:
        upload.put(BLOCKS[1].id, BLOCKS[1].data)
        put(store, BLOCKS[2:], LATER)
        with pytest.raises(StoreError, match="another run changed this blob"):
            upload.commit(METADATA)

    assert current(store).metadata == LATER


def test_held_blocks_are_named_again_without_being_sent(azure_store_settings: StoreSettings) -> None:
    store = open_store(azure_store_settings, AzureSettings())
    put(store, BLOCKS[:3], METADATA)

    with store.upload(NAME, current(store)) as upload:
        assert list(upload.held) == [block.id for block in BLOCKS[:3]]
        upload.keep(BLOCKS[0].id)
        upload.put(BLOCKS[3].id, BLOCKS[3].data)
        upload.keep(BLOCKS[2].id)
        upload.commit(LATER)

    expected = b"".join(BLOCKS[number].data for number in (0, 3, 2))
    assert content_of(store, current(store)) == expected
    assert upload.sent < len(BLOCKS[3].data) + 1000


def test_a_new_day_reuses_the_blocks_of_the_day_before(azure_store_settings: StoreSettings) -> None:
    store = open_store(azure_store_settings, AzureSettings())
    put(store, BLOCKS[:3], METADATA)
    next_day = "sqlite/2026-05-06/costs.db.gz"

    with store.upload(next_day, current(store)) as upload:
        for block in BLOCKS[:3]:
            upload.keep(block.id)
        seeded = [entry for entry in store.entries("sqlite") if entry.name == next_day]
        assert catalog.from_entries(seeded, "sqlite") == (), "what is not committed is no backup"
        upload.commit(LATER)

    assert content_of(store, current(store, next_day)) == content_of(store, current(store))


def test_a_new_day_that_fails_takes_its_beginning_back(azure_store_settings: StoreSettings) -> None:
    store = open_store(azure_store_settings, AzureSettings())
    put(store, BLOCKS[:3], METADATA)
    next_day = "sqlite/2026-05-06/costs.db.gz"

    with store.upload(next_day, current(store)) as upload:
        upload.keep(BLOCKS[0].id)

    assert [entry.name for entry in store.entries("sqlite")] == [NAME]


@pytest.mark.parametrize("committed", [True, False])
def test_blocks_that_another_tool_left_uncommitted_do_not_refuse_ours(
    azure_store_settings: StoreSettings, committed: bool
) -> None:
    from azure.storage.blob import BlobClient

    store = open_store(azure_store_settings, AzureSettings())
    if committed:
        put(store, BLOCKS[:1], METADATA)
    from tests.support.azurite import KEY

    with BlobClient.from_blob_url(f"{azure_store_settings.url}/{NAME}", credential=KEY) as foreign:
        foreign.stage_block("short", b"left by a crashed run")

    put(store, BLOCKS, LATER)

    assert current(store).metadata == LATER
    assert content_of(store, current(store)) == b"".join(block.data for block in BLOCKS)


def test_a_folder_holds_nothing_but_backups(tmp_path: Path) -> None:
    store = open_store(StoreSettings(url=tmp_path.as_uri()), AzureSettings())
    put(store, BLOCKS[:2], METADATA)
    put(store, BLOCKS[2:], LATER)

    files = sorted(path.name for path in (tmp_path / "sqlite/2026-05-05").iterdir())
    assert files == [
        "costs.db.gz",
        "costs.db.gz.json",
        "costs.db.gz@20260505T040000.000Z",
        "costs.db.gz@20260505T040000.000Z.json",
    ]


def test_gunzip_reads_what_stands_in_a_folder(tmp_path: Path) -> None:
    store = open_store(StoreSettings(url=tmp_path.as_uri()), AzureSettings())
    put(store, BLOCKS, METADATA)

    restored = subprocess.run(["gunzip", "-c", tmp_path / NAME], capture_output=True, check=True).stdout
    assert restored == b"".join(bytes([number]) * 5000 for number in range(4))
