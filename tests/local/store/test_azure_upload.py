"""What an upload into Azure adds to the interface: blocks that do not travel again, and commits on a condition."""

from __future__ import annotations

import pytest

from local.errors import AzureError, StoreError
from local.settings import StoreSettings
from local.store import catalog
from local.store.interface import Store
from tests.local.store.archives import BLOCKS, LATER, METADATA, NAME, NEXT_DAY, content_of, current, joined, put
from tests.support.azurite import KEY


def test_another_writers_commit_in_between_is_noticed(azure_store: Store) -> None:
    put(azure_store, BLOCKS[:1], METADATA)

    with azure_store.upload(NAME, current(azure_store)) as upload:
        upload.put(BLOCKS[1].id, BLOCKS[1].data)
        put(azure_store, BLOCKS[2:], LATER)
        with pytest.raises(StoreError, match="another run changed this blob"):
            upload.commit(METADATA)

    assert current(azure_store).metadata == LATER


def test_held_blocks_are_named_again_without_being_sent(azure_store: Store) -> None:
    put(azure_store, BLOCKS[:3], METADATA)

    with azure_store.upload(NAME, current(azure_store)) as upload:
        assert list(upload.held) == [block.id for block in BLOCKS[:3]]
        upload.keep(BLOCKS[0].id)
        upload.put(BLOCKS[3].id, BLOCKS[3].data)
        upload.keep(BLOCKS[2].id)
        upload.commit(LATER)

    assert content_of(azure_store, current(azure_store)) == joined([BLOCKS[0], BLOCKS[3], BLOCKS[2]])
    assert upload.sent < len(BLOCKS[3].data) + 1000


def test_a_new_day_reuses_the_blocks_of_the_day_before(azure_store: Store) -> None:
    put(azure_store, BLOCKS[:3], METADATA)

    with azure_store.upload(NEXT_DAY, current(azure_store)) as upload:
        for block in BLOCKS[:3]:
            upload.keep(block.id)
        seeded = [entry for entry in azure_store.entries("sqlite") if entry.name == NEXT_DAY]
        assert catalog.from_entries(seeded, "sqlite") == (), "what is not committed is no backup"
        upload.commit(LATER)

    assert content_of(azure_store, current(azure_store, NEXT_DAY)) == content_of(azure_store, current(azure_store))


def test_a_new_day_that_fails_takes_its_beginning_back(azure_store: Store) -> None:
    put(azure_store, BLOCKS[:3], METADATA)

    with azure_store.upload(NEXT_DAY, current(azure_store)) as upload:
        upload.keep(BLOCKS[0].id)

    assert [entry.name for entry in azure_store.entries("sqlite")] == [NAME]


@pytest.mark.parametrize("committed", [True, False])
def test_blocks_that_another_tool_left_uncommitted_do_not_refuse_ours(
    azure_store: Store, azure_store_settings: StoreSettings, committed: bool
) -> None:
    from azure.storage.blob import BlobClient

    if committed:
        put(azure_store, BLOCKS[:1], METADATA)
    with BlobClient.from_blob_url(f"{azure_store_settings.url}/{NAME}", credential=KEY) as foreign:
        foreign.stage_block("short", b"left by a crashed run")

    put(azure_store, BLOCKS, LATER)

    assert current(azure_store).metadata == LATER
    assert content_of(azure_store, current(azure_store)) == joined(BLOCKS)


def test_a_block_that_azure_refuses_fails_the_upload_and_leaves_no_backup(azure_store: Store) -> None:
    def upload_with_ids_of_two_lengths() -> None:
        with azure_store.upload(NAME, None) as upload:
            upload.put(BLOCKS[0].id, BLOCKS[0].data)
            upload.put("short", BLOCKS[1].data)
            upload.commit(METADATA)

    with pytest.raises(AzureError, match=r"stage a block of .*: HTTP 400"):
        upload_with_ids_of_two_lengths()
    assert list(azure_store.entries("sqlite")) == []
