"""Every promise of the store's interface, kept by the folder and by Azure alike."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from local.errors import StoreError
from local.store import catalog, layout
from local.store.interface import SMALL_BLOB_BYTES, Store
from tests.local.store.archives import (
    FIRST,
    FIRST_TAKEN,
    LAST,
    LATER,
    LATER_TAKEN,
    NAME,
    NEXT_DAY,
    archive_of,
    content_of,
    contents,
    current,
    entries_by_version,
    former,
    put,
    random_parts,
)
from tests.support.shelf import SHELF

SIDECAR = layout.sidecar_name(NAME)


def test_an_empty_store_has_no_entries(store: Store) -> None:
    assert list(store.entries("sqlite")) == []
    assert store.read(NAME) is None


def test_what_was_written_is_read_back_and_replaced_whole(store: Store) -> None:
    store.write(SIDECAR, b"one, and longer")
    store.write(SIDECAR, b"two")

    assert store.read(SIDECAR) == b"two"


def test_an_empty_blob_is_read_as_nothing_and_can_be_replaced(store: Store) -> None:
    store.write(SIDECAR, b"")

    assert store.read(SIDECAR) == b""
    store.write(SIDECAR, b"two")
    assert store.read(SIDECAR) == b"two"


def test_a_huge_blob_where_a_small_one_should_be_is_refused(store: Store) -> None:
    store.write(NAME, bytes(SMALL_BLOB_BYTES + 1))

    with pytest.raises(StoreError, match="more than"):
        store.read(NAME)


def test_only_what_is_under_the_prefix_is_an_entry(store: Store) -> None:
    for name in ("sqlite/a", "sqlite/2026-05-05/b", "sqlite2/c", "drills/d"):
        store.write(name, b"x")

    assert {entry.name for entry in store.entries("sqlite")} == {"sqlite/a", "sqlite/2026-05-05/b"}


def test_what_begins_otherwise_is_no_entry_and_a_name_s_contents_follow_each_other(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)
    put(store, FIRST, NEXT_DAY)
    for name in ("sqlite/2026-05-05/costs-2.db.gz", "sqlite/2026-05-05/costs", "sqlite/2026-06-01/costs.db.gz"):
        store.write(name, b"x")
    folder, _, file = NAME.rpartition("/")

    of_one = [entry.name for entry in store.entries(folder, file)]
    of_month = [entry.name for entry in store.entries("sqlite", folder.removeprefix("sqlite/")[:7])]

    assert of_one == [NAME, NAME, SIDECAR]
    everything = [entry.name for entry in store.entries("sqlite")]
    assert of_month == [name for name in everything if not name.startswith("sqlite/2026-06")]
    assert everything == sorted(everything)
    assert [entry.name for entry in store.entries(folder, "costs-")] == ["sqlite/2026-05-05/costs-2.db.gz"]
    assert list(store.entries(folder, "nothing")) == list(store.entries("sqlite/2026-05-30", file)) == []


def test_an_archive_appears_whole_with_its_metadata_and_its_sidecar(store: Store) -> None:
    put(store, FIRST)

    entry = current(store)
    assert entry.size == len(FIRST.content)
    assert entry.metadata == FIRST.metadata
    assert content_of(store, entry) == FIRST.content
    assert store.read(SIDECAR) == f"{FIRST.sha256}  costs.db.gz\n".encode()


def test_nothing_is_visible_before_the_commit_nor_after_a_failure(store: Store) -> None:
    def fail() -> None:
        with store.upload(NAME, None) as upload:
            upload.send(FIRST.content)
            assert list(store.entries("sqlite")) == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(store.entries("sqlite")) == []


def test_a_failure_leaves_the_former_content_the_current_one(store: Store) -> None:
    put(store, FIRST)

    def fail() -> None:
        with store.upload(NAME, current(store)) as upload:
            upload.send(LATER.content)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert current(store).metadata == FIRST.metadata
    assert content_of(store, current(store)) == FIRST.content


def test_an_upload_that_was_begun_and_given_nothing_leaves_the_store_as_it_was(store: Store) -> None:
    put(store, FIRST)

    with store.upload(NEXT_DAY, current(store)):
        pass

    assert [entry.name for entry in store.entries("sqlite") if entry.name != SIDECAR] == [NAME]


def test_a_later_run_of_the_day_keeps_the_former_content(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)

    found = entries_by_version(store)
    assert len(found) == 2
    assert found[None].metadata == LATER.metadata
    assert former(store).metadata == FIRST.metadata
    assert content_of(store, former(store)) == FIRST.content
    assert content_of(store, found[None]) == LATER.content


def test_a_day_of_three_contents_keeps_all_of_them(store: Store) -> None:
    for archive in (FIRST, LATER, LAST):
        put(store, archive)

    points = catalog.from_entries(store.entries("sqlite"), SHELF)
    assert [point.taken for point in points] == [archive.recorded.taken for archive in (FIRST, LATER, LAST)]
    assert contents(store) == {FIRST.content, LATER.content, LAST.content}


def test_the_former_scripts_content_keeps_its_sidecars_digest(store: Store) -> None:
    store.write(NAME, b"what the script stored")
    digest = hashlib.sha256(b"what the script stored").hexdigest()
    store.write(SIDECAR, f"{digest}  /Users/x/backups/costs.db.gz\n".encode())

    put(store, FIRST)

    assert former(store).metadata == {"sha256": digest}
    assert content_of(store, former(store)) == b"what the script stored"


def test_another_writers_commit_in_between_is_noticed(store: Store) -> None:
    put(store, FIRST)

    with store.upload(NAME, current(store)) as upload:
        upload.send(LAST.content)
        put(store, LATER)
        with pytest.raises(StoreError, match="another run changed this blob"):
            upload.commit(LAST.metadata)

    assert current(store).metadata == LATER.metadata
    assert contents(store) == {FIRST.content, LATER.content}


def test_another_writers_first_content_of_the_day_is_not_overwritten(store: Store) -> None:
    with store.upload(NAME, None) as upload:
        upload.send(LAST.content)
        put(store, LATER)
        with pytest.raises(StoreError, match="another run changed this blob"):
            upload.commit(LAST.metadata)

    assert contents(store) == {LATER.content}


def test_bytes_of_the_base_may_be_used_again_in_any_order(store: Store) -> None:
    parts = random_parts(1, 3, 300_000)
    put(store, archive_of(parts, FIRST_TAKEN))
    base = current(store)
    changed = archive_of([parts[2], parts[0], b"new" * 1000, parts[0]], LATER_TAKEN)
    offsets = [2 * len(changed.members[0]), 0, None, 0]

    with store.upload(NAME, base) as upload:
        for member, offset in zip(changed.members, offsets, strict=True):
            if offset is None:
                upload.send(member)
            else:
                upload.reuse(offset, member)
        upload.send(changed.end)
        upload.commit(changed.metadata)

    assert content_of(store, current(store)) == changed.content


def test_bytes_of_another_days_archive_may_be_used_again(store: Store) -> None:
    parts = random_parts(2, 2, 300_000)
    put(store, archive_of(parts, FIRST_TAKEN))
    changed = archive_of([parts[1]], LATER_TAKEN)

    with store.upload(NEXT_DAY, current(store)) as upload:
        upload.reuse(len(archive_of(parts, FIRST_TAKEN).members[0]), changed.members[0])
        upload.send(changed.end)
        upload.commit(changed.metadata)

    assert content_of(store, current(store, NEXT_DAY)) == changed.content
    assert content_of(store, current(store)) == archive_of(parts, FIRST_TAKEN).content


def test_a_commit_tells_the_blocks_that_the_next_upload_finds(store: Store) -> None:
    with store.upload(NAME, None) as upload:
        assert upload.base_blocks == ()
        upload.send(FIRST.content)
        blocks = upload.commit(FIRST.metadata)

    with store.upload(NAME, current(store)) as upload:
        assert upload.base_blocks == blocks


def test_the_same_content_found_again_on_the_day_is_no_new_point(store: Store) -> None:
    put(store, FIRST)
    again = layout.changed(
        layout.decode_metadata(FIRST.metadata), unchanged_until=LATER_TAKEN + timedelta(milliseconds=7)
    )

    store.repeat(NAME, current(store), layout.encode_metadata(again))

    assert list(entries_by_version(store)) == [None]
    assert layout.decode_metadata(current(store).metadata) == again
    assert content_of(store, current(store)) == FIRST.content


def test_the_same_content_repeated_on_another_day_stands_under_both(store: Store) -> None:
    put(store, FIRST)

    store.repeat(NEXT_DAY, current(store), FIRST.at(LATER_TAKEN))

    assert content_of(store, current(store, NEXT_DAY)) == content_of(store, current(store))
    assert current(store, NEXT_DAY).metadata == FIRST.at(LATER_TAKEN)
    assert current(store).metadata == FIRST.metadata
    assert store.read(layout.sidecar_name(NEXT_DAY)) == store.read(SIDECAR)


def test_a_content_repeated_over_another_one_of_the_day_keeps_that_one(store: Store) -> None:
    put(store, FIRST, NEXT_DAY)
    put(store, LATER)

    store.repeat(NAME, current(store, NEXT_DAY), FIRST.at(LATER_TAKEN + timedelta(hours=1)))

    assert contents(store) == {FIRST.content, LATER.content}
    assert former(store).metadata == LATER.metadata


@pytest.mark.parametrize("name", [NAME, NEXT_DAY])
def test_a_content_that_was_replaced_meanwhile_is_not_repeated(store: Store, name: str) -> None:
    put(store, FIRST)
    listed = current(store)
    put(store, LATER)

    with pytest.raises(StoreError, match=r"another run changed|overwritten meanwhile"):
        store.repeat(name, listed, FIRST.at(LATER_TAKEN))

    assert current(store).metadata == LATER.metadata
    assert contents(store) == {FIRST.content, LATER.content}


def test_what_is_repeated_does_not_travel_again(store: Store) -> None:
    put(store, FIRST)

    assert store.repeat(NAME, current(store), FIRST.at(LATER_TAKEN)) < 1000
    assert store.repeat(NEXT_DAY, current(store), FIRST.at(LATER_TAKEN)) < 1000


def test_repeating_mends_a_sidecar_that_was_lost(store: Store) -> None:
    put(store, FIRST)
    store.write(SIDECAR, b"torn")

    store.repeat(NAME, current(store), FIRST.metadata)

    assert store.read(SIDECAR) == f"{FIRST.sha256}  costs.db.gz\n".encode()


def test_an_upload_counts_the_bytes_that_were_handed_to_it(store: Store) -> None:
    with store.upload(NAME, None) as upload:
        upload.send(FIRST.content)
        upload.commit(FIRST.metadata)

    assert len(FIRST.content) <= upload.sent < len(FIRST.content) + 1000


def test_a_part_of_a_content_is_read(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)

    for entry, archive in ((current(store), LATER), (former(store), FIRST)):
        assert store.read_range(entry, 10, 20) == archive.content[10:30]
        assert store.read_range(entry, len(archive.content) - 5, 20) == archive.content[-5:]


def test_a_content_that_another_one_replaced_is_not_read_as_the_one_that_was_listed(store: Store) -> None:
    put(store, FIRST)
    listed = current(store)
    put(store, LATER)

    with pytest.raises(StoreError):
        store.read_range(listed, 0, 10)


def test_a_local_store_tells_the_file_of_each_content(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)

    paths = [store.local_path(entry) for entry in (current(store), former(store))]

    found = [path.read_bytes() if path else None for path in paths]
    assert found == ([LATER.content, FIRST.content] if store.local else [None, None])


def test_a_backup_works_under_the_store_s_lock(store: Store) -> None:
    with store.lock():
        put(store, FIRST)

    with store.lock():
        assert content_of(store, current(store)) == FIRST.content


def test_mending_what_is_whole_changes_nothing(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)
    before = entries_by_version(store)

    for entry in before.values():
        assert store.mend(entry) == entry

    assert entries_by_version(store) == before


def test_links_that_no_other_machine_can_read_by_may_not_travel(store: Store) -> None:
    assert not store.url.startswith("https://")
    assert not store.links_may_travel
