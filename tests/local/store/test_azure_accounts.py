"""Accounts that are set up otherwise than Azurite: versions, immutable containers, archived blobs, slow copies.

Azurite has none of them, so its answers are changed on the way to what Azure documents.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.errors import AzureError, StoreError
from local.store import azure_copy, catalog, layout
from local.store.interface import Store
from tests.local.store.archives import (
    FIRST,
    FIRST_TAKEN,
    LATER,
    LATER_TAKEN,
    NAME,
    NEXT_DAY,
    archive_of,
    content_of,
    contents,
    current,
    put,
    random_parts,
)
from tests.support.azure_faults import Answer, FaultyAzurite, answered, refused, with_headers
from tests.support.shelf import SHELF

LARGE = archive_of(random_parts(7, 2), FIRST_TAKEN)
VERSION = "2026-05-05T04:00:01.1234567Z"


def pending(answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, "x-ms-copy-status": "pending", "x-ms-copy-id": "1"})


def test_an_account_that_keeps_versions_gets_no_snapshot_beside_them(
    faults: FaultyAzurite, faulty_store: Store
) -> None:
    """https://learn.microsoft.com/azure/storage/blobs/versioning-overview: each answer tells the version's id."""
    faults.fail("Get Blob Properties", with_headers(x_ms_version_id=VERSION, x_ms_is_current_version="true"))
    put(faulty_store, FIRST)

    put(faulty_store, LATER)
    faulty_store.repeat(NEXT_DAY, current(faulty_store), LATER.metadata)
    put(faulty_store, FIRST, NEXT_DAY)

    assert faults.count("Snapshot Blob") == 0
    assert content_of(faulty_store, current(faulty_store)) == LATER.content


def test_versions_are_points_in_time_and_a_link_and_a_read_reach_each(
    faults: FaultyAzurite, faulty_store: Store
) -> None:
    """Azurite's snapshots are told as versions, as List Blobs documents them."""
    put(faulty_store, FIRST)
    put(faulty_store, LATER)

    def as_versions(answer: Answer) -> Answer:
        body = answer.body.replace(b"<Snapshot>", b"<VersionId>").replace(b"</Snapshot>", b"</VersionId>")
        current_one = b"<Name>" + NAME.encode() + b"</Name><Properties>"
        marked = current_one.replace(
            b"<Properties>",
            b"<VersionId>" + VERSION.encode() + b"</VersionId><IsCurrentVersion>true</IsCurrentVersion><Properties>",
        )
        return replace(answer, body=body.replace(current_one, marked))

    faults.fail("List Blobs", answered(as_versions))

    points = catalog.from_entries(faulty_store.entries("sqlite"), SHELF)

    assert [(point.taken, point.current) for point in points] == [(FIRST_TAKEN, False), (LATER_TAKEN, True)]
    version = (points[0].entry.version or "").removeprefix("versionid=")
    assert f"versionid={version}" in faulty_store.link(points[0].entry, 60)
    faulty_store.read_range(points[0].entry, 0, 10)
    assert [seen.query.get("versionid") for seen in faults.requests if seen.operation == "Get Blob"][-1] == version


def test_a_copy_that_takes_its_time_is_waited_for(faults: FaultyAzurite, faulty_store: Store) -> None:
    put(faulty_store, FIRST)
    faults.fail("Copy Blob", answered(pending))
    faults.fail("Get Blob Properties", answered(pending), times=2, ending=NEXT_DAY.rpartition("/")[2])

    faulty_store.repeat(NEXT_DAY, current(faulty_store), FIRST.at(LATER_TAKEN))

    assert current(faulty_store, NEXT_DAY).metadata == FIRST.at(LATER_TAKEN)
    assert content_of(faulty_store, current(faulty_store, NEXT_DAY)) == FIRST.content


@pytest.mark.parametrize("status", ["failed", "aborted", "pending"])
def test_a_copy_that_comes_to_nothing_is_no_backup(
    faults: FaultyAzurite, faulty_store: Store, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Aborted, a copy leaves no bytes and all its metadata."""
    monkeypatch.setattr(azure_copy, "PENDING_SECONDS_MAX", 0.1)
    put(faulty_store, FIRST)
    base = current(faulty_store)
    faults.fail("Copy Blob", answered(pending))
    faults.fail(
        "Get Blob Properties",
        answered(lambda answer: replace(answer, headers={**answer.headers, "x-ms-copy-status": status})),
        ending=NEXT_DAY,
    )
    faults.fail("Delete Blob", refused(503, "ServerBusy"))

    with pytest.raises(Exception, match=r"copy|take back"):
        faulty_store.repeat(NEXT_DAY, base, FIRST.at(LATER_TAKEN))

    points = catalog.from_entries(faulty_store.entries("sqlite"), SHELF)
    assert [point.entry.name for point in points] == [NAME]
    faults.heal()
    faulty_store.repeat(NEXT_DAY, base, FIRST.at(LATER_TAKEN))
    assert content_of(faulty_store, current(faulty_store, NEXT_DAY)) == FIRST.content


@pytest.fixture
def immutable_store(faults: FaultyAzurite, faulty_store: Store) -> Store:
    """A container under a time-based policy: blobs are made once, and neither changed nor deleted.

    https://learn.microsoft.com/azure/storage/blobs/immutable-container-level-worm-policies
    """
    faults.fail("Get Container Properties", with_headers(x_ms_has_immutability_policy="true"))
    faults.fail("Delete Blob", refused(409, "BlobImmutableDueToPolicy"))
    faults.fail("Set Blob Metadata", refused(409, "BlobImmutableDueToPolicy"))
    return faulty_store


def test_an_immutable_container_takes_each_day_s_first_backup(faults: FaultyAzurite, immutable_store: Store) -> None:
    put(immutable_store, LARGE)

    put(immutable_store, LATER, NEXT_DAY, current(immutable_store))

    assert content_of(immutable_store, current(immutable_store, NEXT_DAY)) == LATER.content
    assert faults.count("Copy Blob") == 0, "a beginning could not be taken back"


def test_an_immutable_container_takes_the_same_content_on_another_day(
    faults: FaultyAzurite, immutable_store: Store
) -> None:
    put(immutable_store, FIRST)

    immutable_store.repeat(NEXT_DAY, current(immutable_store), FIRST.at(LATER_TAKEN))
    immutable_store.repeat(NEXT_DAY, current(immutable_store, NEXT_DAY), FIRST.at(FIRST_TAKEN))

    assert current(immutable_store, NEXT_DAY).metadata == FIRST.at(LATER_TAKEN)
    assert faults.count("Set Blob Metadata") == 0


def test_a_second_content_of_the_day_is_refused_by_name_before_its_first_byte(
    faults: FaultyAzurite, immutable_store: Store
) -> None:
    put(immutable_store, FIRST)
    changes = faults.count("Put Block") + faults.count("Put Block List") + faults.count("Snapshot Blob")

    with pytest.raises(
        StoreError, match=r"replace sqlite/2026-05-05/costs\.db\.gz: the container keeps its blobs"
    ) as told:
        put(immutable_store, LATER)

    assert "back up once a day" in told.value.mend
    assert faults.count("Put Block") + faults.count("Put Block List") + faults.count("Snapshot Blob") == changes
    assert contents(immutable_store) == {FIRST.content}


def test_a_policy_on_versions_keeps_no_later_content_out(faults: FaultyAzurite, faulty_store: Store) -> None:
    versioned = with_headers(x_ms_has_immutability_policy="true", x_ms_immutable_storage_with_versioning_enabled="true")
    faults.fail("Get Container Properties", versioned)
    put(faulty_store, FIRST)

    put(faulty_store, LATER)

    assert current(faulty_store).metadata == LATER.metadata


def test_a_login_that_may_not_ask_about_the_container_backs_up_all_the_same(
    faults: FaultyAzurite, faulty_store: Store
) -> None:
    faults.fail("Get Container Properties", refused(403, "AuthorizationPermissionMismatch"))
    put(faulty_store, FIRST)

    put(faulty_store, LATER)

    assert contents(faulty_store) == {FIRST.content, LATER.content}


def test_beside_an_archived_backup_the_next_one_is_sent_whole(faults: FaultyAzurite, faulty_store: Store) -> None:
    """https://learn.microsoft.com/azure/storage/blobs/archive-blob: an archived blob's block list can't be used."""
    put(faulty_store, LARGE)
    faults.fail("Get Block List", refused(409, "BlobArchived"), ending=NAME)
    faults.fail("Copy Blob", refused(409, "BlobArchived"))

    with faulty_store.upload(NEXT_DAY, current(faulty_store)) as upload:
        upload.reuse(0, LARGE.members[0])
        upload.reuse(len(LARGE.members[0]), LARGE.members[1])
        upload.send(LARGE.end)
        upload.commit(LARGE.metadata)

    assert content_of(faulty_store, current(faulty_store, NEXT_DAY)) == LARGE.content
    assert upload.sent >= len(LARGE.content)


def test_a_copy_of_an_archived_backup_is_refused_with_what_mends_it(faults: FaultyAzurite, faulty_store: Store) -> None:
    put(faulty_store, FIRST)
    faults.fail("Copy Blob", refused(409, "BlobArchived"))

    with pytest.raises(AzureError, match="archive tier") as told:
        faulty_store.repeat(NEXT_DAY, current(faulty_store), FIRST.at(LATER_TAKEN))
    assert "set-tier" in told.value.mend
    assert layout.SEED_KEY not in current(faulty_store).metadata
