"""Every promise of the store's interface, kept by the folder and by Azure alike."""

from __future__ import annotations

import hashlib

import pytest

from local.errors import StoreError
from local.store import layout
from local.store.interface import SMALL_BLOB_BYTES, Store
from tests.local.store.archives import (
    BLOCKS,
    LATER,
    METADATA,
    NAME,
    NEXT_DAY,
    content_of,
    current,
    entries_by_version,
    joined,
    put,
)


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


def test_only_what_is_under_the_prefix_is_an_entry(store: Store) -> None:
    for name in ("sqlite/a", "sqlite/2026-05-05/b", "sqlite2/c", "drills/d"):
        store.write(name, b"x")

    assert {entry.name for entry in store.entries("sqlite")} == {"sqlite/a", "sqlite/2026-05-05/b"}


def test_an_archive_appears_whole_with_its_metadata(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    entry = current(store)
    assert entry.size == sum(len(block.data) for block in BLOCKS)
    assert entry.metadata == METADATA
    assert content_of(store, entry) == joined(BLOCKS)


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
    assert content_of(store, current(store)) == joined(BLOCKS)


def test_a_later_run_of_the_day_keeps_the_former_content(store: Store) -> None:
    put(store, BLOCKS[:2], METADATA)
    put(store, BLOCKS[2:], LATER)

    found = entries_by_version(store)
    assert len(found) == 2
    assert found[None].metadata == LATER
    (former,) = (entry for version, entry in found.items() if version)
    assert former.metadata == METADATA
    assert content_of(store, former) == joined(BLOCKS[:2])
    assert content_of(store, found[None]) == joined(BLOCKS[2:])


def test_the_former_scripts_content_keeps_its_sidecars_digest(store: Store) -> None:
    store.write(NAME, b"what the script stored")
    digest = hashlib.sha256(b"what the script stored").hexdigest()
    store.write(layout.sidecar_name(NAME), f"{digest}  /Users/x/backups/costs.db.gz\n".encode())

    put(store, BLOCKS, METADATA)

    (former,) = (entry for version, entry in entries_by_version(store).items() if version)
    assert former.metadata == {"sha256": digest}
    assert content_of(store, former) == b"what the script stored"


def test_the_same_content_repeated_on_the_day_is_a_point_in_time_of_its_own(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    store.repeat(NAME, current(store), LATER)

    found = entries_by_version(store)
    assert found[None].metadata == LATER
    assert [entry.metadata for version, entry in found.items() if version] == [METADATA]
    assert content_of(store, found[None]) == joined(BLOCKS)


def test_the_same_content_repeated_on_another_day_stands_under_both(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    store.repeat(NEXT_DAY, current(store), LATER)

    assert content_of(store, current(store, NEXT_DAY)) == content_of(store, current(store))
    assert current(store, NEXT_DAY).metadata == LATER
    assert current(store).metadata == METADATA


def test_what_is_repeated_does_not_travel_again(store: Store) -> None:
    put(store, BLOCKS, METADATA)

    assert store.repeat(NAME, current(store), LATER) < 1000
    assert store.repeat(NEXT_DAY, current(store), LATER) < 1000


def test_an_upload_counts_the_bytes_that_were_handed_to_it(store: Store) -> None:
    with store.upload(NAME, None) as upload:
        for block in BLOCKS:
            upload.put(block.id, block.data)
        upload.commit(METADATA)

    assert len(joined(BLOCKS)) <= upload.sent < len(joined(BLOCKS)) + 1000


def test_links_that_no_other_machine_can_read_by_may_not_travel(store: Store) -> None:
    assert not store.url.startswith("https://")
    assert not store.links_may_travel
