"""What an upload into Azure adds to the interface: blocks that do not travel again, and commits on a condition."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import accumulate

import pytest

from local.settings import StoreSettings
from local.store import azure_staging, catalog
from local.store.azure_blocks import BLOCK_BYTES, block_id
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


def places(archive: Archive, base: Archive) -> Iterator[tuple[int | None, bytes]]:
    """The archive's members, each with its offset in the base, if that has it."""
    offsets = dict(zip(base.members, accumulate(map(len, base.members), initial=0), strict=False))
    return ((offsets.get(member), member) for member in archive.members)


def hand_over(upload: Upload, archive: Archive, base: Archive) -> None:
    """The archive's members, those that the base has as its."""
    for offset, member in places(archive, base):
        if offset is None:
            upload.send(member)
        else:
            upload.reuse(offset, member)
    upload.send(archive.end)
    upload.commit(archive.metadata)


def foresee(upload: Upload, archive: Archive, base: Archive) -> None:
    for offset, member in places(archive, base):
        upload.foresee(offset, member)
    upload.foresee(None, random_parts(9, 1)[0])


def wait_for(block: str, settings: StoreSettings) -> None:
    deadline = time.monotonic() + 30
    while block not in uncommitted(settings, NAME):
        assert time.monotonic() < deadline


def uncommitted(settings: StoreSettings, name: str) -> list[str]:
    from azure.storage.blob import BlobClient

    with BlobClient.from_blob_url(f"{settings.url}/{name}", credential=KEY) as blob:
        return [str(block.id) for block in blob.get_block_list("uncommitted")[1]]


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


def test_what_was_foreseen_travels_once(azure_store: Store, azure_store_settings: StoreSettings) -> None:
    put(azure_store, LARGE)
    with azure_store.upload(NAME, current(azure_store)) as upload:
        foresee(upload, CHANGED, LARGE)
        wait_for(block_id(CHANGED.members[1]), azure_store_settings)
        before = upload.sent
        hand_over(upload, CHANGED, LARGE)

    assert content_of(azure_store, current(azure_store)) == CHANGED.content
    assert before >= len(CHANGED.members[1])
    assert upload.sent - before < 2000


def test_parts_of_blocks_that_were_foreseen_are_made_once(
    azure_store: Store, azure_store_settings: StoreSettings
) -> None:
    """The archive begins in the middle of a block of the base, and goes on in it behind what is new."""
    put(azure_store, LARGE)
    whole, new, half = LARGE.content, PARTS[3], BLOCK_BYTES // 2
    parts = [(half, whole[half:BLOCK_BYTES]), (None, new), (BLOCK_BYTES, whole[BLOCK_BYTES : BLOCK_BYTES + half])]
    content = b"".join(data for _, data in parts)
    with azure_store.upload(NAME, current(azure_store)) as upload:
        for offset, data in [*parts, (None, new)]:
            upload.foresee(offset, data)
        wait_for(block_id(parts[0][1]), azure_store_settings)
        wait_for(block_id(new), azure_store_settings)
        before = upload.sent
        for offset, data in parts:
            if offset is None:
                upload.send(data)
            else:
                upload.reuse(offset, data)
        upload.commit(CHANGED.metadata)

    assert content_of(azure_store, current(azure_store)) == content
    assert upload.sent - before < 2000


def test_what_was_foreseen_wrongly_decides_nothing(azure_store: Store, azure_store_settings: StoreSettings) -> None:
    put(azure_store, LARGE)
    with azure_store.upload(NAME, current(azure_store)) as upload:
        foresee(upload, archive_of([PARTS[3], PARTS[1], PARTS[0]], LATER_TAKEN), LARGE)
        hand_over(upload, CHANGED, LARGE)

    assert content_of(azure_store, current(azure_store)) == CHANGED.content
    assert uncommitted(azure_store_settings, NAME) == []


def test_what_there_is_no_room_for_is_sent_in_its_turn(azure_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(azure_store, LARGE)
    with azure_store.upload(NAME, current(azure_store)) as upload:
        with monkeypatch.context() as full:
            full.setattr(azure_staging, "UNDER_WAY_BYTES", 0)
            foresee(upload, CHANGED, LARGE)
        assert upload.sent == 0
        hand_over(upload, CHANGED, LARGE)

    assert content_of(azure_store, current(azure_store)) == CHANGED.content


def test_where_nothing_new_is_foreseen_the_store_is_left_as_it_is(azure_store: Store) -> None:
    put(azure_store, LARGE)
    with azure_store.upload(NEXT_DAY, current(azure_store)) as upload:
        for offset, member in places(LARGE, LARGE):
            upload.foresee(offset, member)
        assert not upload.is_begun
        assert {entry.name for entry in azure_store.entries("sqlite")} == {NAME, f"{NAME}.sha256"}


@pytest.mark.parametrize("times", [1, 2])
def test_the_beginning_of_a_new_day_that_was_only_foreseen_is_taken_back(azure_store: Store, times: int) -> None:
    """However often the upload is left, and by whomever."""
    put(azure_store, LARGE)
    upload = azure_store.upload(NEXT_DAY, current(azure_store))
    foresee(upload, CHANGED, LARGE)
    assert upload.is_begun
    assert NEXT_DAY in {entry.name for entry in azure_store.entries("sqlite")}

    for _ in range(times):
        upload.__exit__(None, None, None)

    assert {entry.name for entry in azure_store.entries("sqlite")} == {NAME, f"{NAME}.sha256"}


def test_beside_what_another_tool_left_nothing_goes_ahead(
    azure_store: Store, azure_store_settings: StoreSettings
) -> None:
    """Blocks are numbered there, and a number says nothing of what is in it."""
    from azure.storage.blob import BlobClient

    with BlobClient.from_blob_url(f"{azure_store_settings.url}/{NAME}", credential=KEY) as foreign:
        foreign.upload_blob(LARGE.content, metadata=dict(LARGE.metadata))
        foreign.stage_block("short", b"left by a crashed run")

    with azure_store.upload(NAME, None) as upload:
        foresee(upload, CHANGED, FIRST)
        assert upload.sent == 0
        hand_over(upload, CHANGED, FIRST)

    assert content_of(azure_store, current(azure_store)) == CHANGED.content
