"""What an upload into Azure adds to the interface: blocks that do not travel again, and commits on a condition."""

from __future__ import annotations

import pytest

from local.settings import StoreSettings
from local.store import catalog
from local.store.azure_blocks import block_id
from local.store.interface import Store, Upload
from tests.local.store.archives import (
    FIRST,
    FIRST_TAKEN,
    LATER,
    LATER_TAKEN,
    NAME,
    NEXT_DAY,
    Archive,
    archive_of,
    content_of,
    contents,
    current,
    put,
    random_parts,
)
from tests.support.azurite import KEY
from tests.support.shelf import SHELF

PARTS = random_parts(3, 4)
LARGE = archive_of(PARTS[:3], FIRST_TAKEN)
CHANGED = archive_of([PARTS[0], PARTS[3], PARTS[2]], LATER_TAKEN)


def hand_over(upload: Upload, archive: Archive, base: Archive) -> None:
    """The archive's members, those that the base has as its."""
    offsets: dict[bytes, int] = {}
    at = 0
    for member in base.members:
        offsets[member] = at
        at += len(member)
    for member in archive.members:
        if member in offsets:
            upload.reuse(offsets[member], member)
        else:
            upload.send(member)
    upload.send(archive.end)
    upload.commit(archive.metadata)


def test_held_blocks_are_named_again_without_being_sent(azure_store: Store) -> None:
    put(azure_store, LARGE)

    with azure_store.upload(NAME, current(azure_store)) as upload:
        assert upload.base_blocks[:3] == tuple(block_id(member) for member in LARGE.members)
        hand_over(upload, CHANGED, LARGE)

    assert content_of(azure_store, current(azure_store)) == CHANGED.content
    assert upload.sent < len(CHANGED.members[1]) + 2000


def test_a_new_day_reuses_the_blocks_of_the_day_before(azure_store: Store) -> None:
    put(azure_store, LARGE)

    with azure_store.upload(NEXT_DAY, current(azure_store)) as upload:
        upload.reuse(0, LARGE.members[0])
        seeded = [entry for entry in azure_store.entries("sqlite") if entry.name == NEXT_DAY]
        assert seeded
        assert catalog.from_entries(seeded, SHELF) == (), "what is not committed is no backup"
        upload.send(archive_of(PARTS[:1], LATER_TAKEN).end)
        upload.commit(archive_of(PARTS[:1], LATER_TAKEN).metadata)

    assert content_of(azure_store, current(azure_store, NEXT_DAY)) == archive_of(PARTS[:1], LATER_TAKEN).content
    assert content_of(azure_store, current(azure_store)) == LARGE.content
    assert upload.sent < 2000


def test_a_new_day_that_fails_takes_its_beginning_back(azure_store: Store) -> None:
    put(azure_store, LARGE)

    with azure_store.upload(NEXT_DAY, current(azure_store)) as upload:
        upload.reuse(0, LARGE.members[0])

    assert {entry.name for entry in azure_store.entries("sqlite")} == {NAME, f"{NAME}.sha256"}


@pytest.mark.parametrize("committed", [True, False])
def test_blocks_that_another_tool_left_uncommitted_do_not_refuse_ours(
    azure_store: Store, azure_store_settings: StoreSettings, committed: bool
) -> None:
    from azure.storage.blob import BlobClient

    if committed:
        put(azure_store, FIRST)
    with BlobClient.from_blob_url(f"{azure_store_settings.url}/{NAME}", credential=KEY) as foreign:
        foreign.stage_block("short", b"left by a crashed run")

    put(azure_store, LATER)

    assert current(azure_store).metadata == LATER.metadata
    assert contents(azure_store) == ({FIRST.content, LATER.content} if committed else {LATER.content})
