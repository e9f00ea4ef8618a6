"""Azure's answers that get lost, come late or refuse: what was stored is told, and nothing is told wrongly."""

from __future__ import annotations

import contextlib

import pytest

from local.errors import AzureError, PillarError, StoreError
from local.store import catalog, layout
from local.store.azure_blocks import BLOCK_BYTES
from local.store.interface import Store
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
    put,
    random_parts,
)
from tests.support.azure_faults import Fault, FaultyAzurite, away_after, cut_after, cut_before, refused
from tests.support.azurite import KEY
from tests.support.shelf import SHELF

SIDECAR = layout.sidecar_name(NAME)
LARGE = archive_of(random_parts(6, 2), FIRST_TAKEN)
# Every call of a commit, by the name that Azure's reference gives it.
CALLS = [
    "Get Blob Properties",
    "Get Block List",
    "Put Block",
    "Snapshot Blob",
    "Put Block List",
    "Get Blob",
    "Put Blob",
]


def assert_sound(store: Store, name: str = NAME) -> None:
    """Content, metadata and sidecar are of one commit, and no point in time is there twice."""
    entry = current(store, name)
    recorded = layout.decode_metadata(entry.metadata)
    assert store.read(layout.sidecar_name(name)) == layout.sidecar_line(recorded.sha256 or "", name)
    points = catalog.from_entries(store.entries("sqlite"), SHELF)
    assert len({(point.entry.name, point.taken) for point in points}) == len(points)


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("fault", [cut_before, cut_after, refused(503, "ServerBusy"), refused(500, "InternalError")])
def test_a_commit_of_which_one_answer_is_lost_is_done(
    faults: FaultyAzurite, faulty_store: Store, operation: str, fault: Fault
) -> None:
    put(faulty_store, FIRST)
    faults.fail(operation, fault, times=1)

    put(faulty_store, LATER)

    assert contents(faulty_store) == {FIRST.content, LATER.content}
    assert current(faulty_store).metadata == LATER.metadata
    assert_sound(faulty_store)


@pytest.mark.parametrize("operation", ["Copy Blob", "Put Block List", "Set Blob Metadata"])
def test_a_new_day_of_which_one_answer_is_lost_is_done(
    faults: FaultyAzurite, faulty_store: Store, operation: str
) -> None:
    put(faulty_store, LARGE)
    faults.fail(operation, cut_after, times=1)

    with faulty_store.upload(NEXT_DAY, current(faulty_store)) as upload:
        upload.reuse(0, LARGE.members[0])
        upload.send(archive_of([LARGE.raw[:BLOCK_BYTES]], LATER_TAKEN).end)
        upload.commit(archive_of([LARGE.raw[: 4 << 20]], LATER_TAKEN).metadata)

    assert_sound(faulty_store, NEXT_DAY)
    assert len(content_of(faulty_store, current(faulty_store, NEXT_DAY))) == current(faulty_store, NEXT_DAY).size


@pytest.mark.parametrize("operation", ["Copy Blob", "Set Blob Metadata", "Get Blob Properties"])
@pytest.mark.parametrize("name", [NAME, NEXT_DAY])
def test_a_repetition_of_which_one_answer_is_lost_is_done(
    faults: FaultyAzurite, faulty_store: Store, operation: str, name: str
) -> None:
    put(faulty_store, FIRST)
    base = current(faulty_store)
    faults.fail(operation, cut_after, times=1)

    faulty_store.repeat(name, base, FIRST.at(LATER_TAKEN))

    assert current(faulty_store, name).metadata == FIRST.at(LATER_TAKEN)
    assert_sound(faulty_store, name)


def test_an_upload_that_is_taken_back_while_the_answer_is_lost_is_taken_back(
    faults: FaultyAzurite, faulty_store: Store
) -> None:
    put(faulty_store, LARGE)
    faults.fail("Delete Blob", cut_after, times=1)

    with faulty_store.upload(NEXT_DAY, current(faulty_store)) as upload:
        upload.reuse(0, LARGE.members[0])

    assert NEXT_DAY not in {entry.name for entry in faulty_store.entries("sqlite")}


@pytest.mark.parametrize("operation", ["Put Block", "Put Block List", "Get Blob Properties", "Get Block List"])
def test_a_throttled_call_is_made_again_when_the_service_says(
    faults: FaultyAzurite, faulty_store: Store, operation: str
) -> None:
    put(faulty_store, FIRST)
    faults.fail(operation, refused(429, "TooManyRequests", Retry_After="1"), times=2)

    put(faulty_store, LATER)

    assert current(faulty_store).metadata == LATER.metadata
    assert_sound(faulty_store)


def test_a_commit_that_never_arrives_fails_and_leaves_the_former_content(
    faults: FaultyAzurite, faulty_store: Store
) -> None:
    put(faulty_store, FIRST)
    faults.fail("Put Block List", cut_before)

    with pytest.raises(AzureError, match="no answer"):
        put(faulty_store, LATER)

    assert current(faulty_store).metadata == FIRST.metadata
    assert_sound(faulty_store)


@pytest.mark.parametrize(
    "fault",
    [refused(403, "AuthorizationFailure"), refused(429, "TooManyRequests"), refused(503, "ServerBusy"), cut_before],
)
def test_a_sidecar_that_is_refused_for_a_while_is_written_at_last(
    faults: FaultyAzurite, faulty_store: Store, fault: Fault
) -> None:
    put(faulty_store, FIRST)
    faults.fail("Put Blob", fault, times=6)

    put(faulty_store, LATER)

    assert_sound(faulty_store)


def test_a_sidecar_that_is_never_taken_is_told_and_the_next_run_mends_it(
    faults: FaultyAzurite, faulty_store: Store
) -> None:
    put(faulty_store, FIRST)
    faults.fail("Put Blob", refused(403, "AuthorizationFailure"))

    with pytest.raises(StoreError, match=r"write .*\.sha256: the content is stored and whole") as told:
        put(faulty_store, LATER)

    assert "sha256sum -c by hand will not match" in told.value.mend
    assert "the next run, which mends it" in told.value.mend
    assert current(faulty_store).metadata == LATER.metadata
    faults.heal()
    faulty_store.repeat(NAME, current(faulty_store), LATER.metadata)
    assert_sound(faulty_store)


@pytest.mark.parametrize("again", [True, False])
def test_a_sidecar_that_was_never_taken_is_mended_on_the_next_day(
    faults: FaultyAzurite, faulty_store: Store, again: bool
) -> None:
    faults.fail("Put Blob", refused(403, "AuthorizationFailure"))
    with pytest.raises(StoreError, match="stored and whole"):
        put(faulty_store, FIRST)
    faults.heal()

    if again:
        faulty_store.repeat(NEXT_DAY, current(faulty_store), FIRST.at(LATER_TAKEN))
    else:
        put(faulty_store, LATER, NEXT_DAY, current(faulty_store))

    assert_sound(faulty_store)
    assert_sound(faulty_store, NEXT_DAY)


def test_a_sidecar_never_overwrites_that_of_a_later_run(
    faults: FaultyAzurite, faulty_store: Store, azure_store: Store
) -> None:
    put(azure_store, FIRST)
    later_runs = iter([LATER])

    def another_run_commits(_: object) -> None:
        for archive in later_runs:
            put(azure_store, archive)

    faults.fail("Put Blob", another_run_commits, times=1)

    put(faulty_store, LAST)

    assert current(azure_store).metadata == LATER.metadata
    assert_sound(azure_store)


@pytest.mark.parametrize(
    ("operation", "status", "code", "told"),
    [
        ("Put Block List", 412, "ConditionNotMet", "another run changed this blob"),
        ("Put Block List", 409, "BlobAlreadyExists", "another run changed this blob"),
        ("Put Block List", 409, "BlobImmutableDueToPolicy", "WORM"),
        ("Put Block List", 409, "BlobArchived", "archive tier"),
        ("Put Block List", 412, "LeaseIdMissing", "somebody holds a lease"),
        ("Put Block List", 409, "SnapshotsPresent", "SnapshotsPresent"),
        ("Snapshot Blob", 409, "SnapshotOperationRateExceeded", "too many snapshots"),
        ("Snapshot Blob", 409, "SnapshotCountExceeded", "as many snapshots as Azure keeps"),
        ("Snapshot Blob", 409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts", "Data Lake"),
        ("Put Block", 409, "InvalidBlobType", "InvalidBlobType"),
        ("Put Block", 400, "InvalidBlobOrBlock", "InvalidBlobOrBlock"),
    ],
)
def test_each_refusal_has_its_own_sentence(
    faults: FaultyAzurite, faulty_store: Store, operation: str, status: int, code: str, told: str
) -> None:
    put(faulty_store, FIRST)
    faults.fail(operation, refused(status, code))

    with pytest.raises(PillarError, match=told) as error:
        put(faulty_store, LATER)

    assert ("another run" in str(error.value)) == (code in ("ConditionNotMet", "BlobAlreadyExists"))
    assert error.value.mend
    assert current(faulty_store).metadata == FIRST.metadata


def test_what_cannot_be_taken_back_never_replaces_the_true_error(faults: FaultyAzurite, faulty_store: Store) -> None:
    put(faulty_store, LARGE)
    faults.fail("Delete Blob", refused(409, "BlobImmutableDueToPolicy"))

    def fail() -> None:
        with faulty_store.upload(NEXT_DAY, current(faulty_store)) as upload:
            upload.reuse(0, LARGE.members[0])
            raise ValueError("the true error")

    with pytest.raises(ValueError, match="the true error") as told:
        fail()
    assert "marked as unfinished" in told.value.__notes__[0]


@pytest.mark.parametrize("name", ["short", "MDAwMDAwMDAwMQ", "\u00e9\u00e8\u00e0"])
def test_a_blob_without_a_list_of_blocks_is_not_emptied_by_what_another_tool_left_on_it(
    faulty_store: Store, faults: FaultyAzurite, name: str
) -> None:
    from azure.storage.blob import BlobClient

    faulty_store.write(NAME, b"what az stored by one Put Blob")
    with BlobClient.from_blob_url(f"{faulty_store.url}/{NAME}", credential=KEY) as foreign:
        foreign.stage_block(name, b"left by a crashed run")
    faults.fail("Put Block List", cut_before)

    with pytest.raises(AzureError):
        put(faulty_store, LARGE)
    assert contents(faulty_store) == {b"what az stored by one Put Blob"}

    faults.heal()
    put(faulty_store, LARGE)
    assert contents(faulty_store) == {b"what az stored by one Put Blob", LARGE.content}
    assert content_of(faulty_store, current(faulty_store)) == LARGE.content
    put(faulty_store, LATER)
    assert contents(faulty_store) == {b"what az stored by one Put Blob", LARGE.content, LATER.content}


def test_names_too_short_to_stand_beside_are_refused_before_the_first_byte(
    faulty_store: Store, faults: FaultyAzurite
) -> None:
    from azure.storage.blob import BlobClient

    faulty_store.write(NAME, b"what az stored by one Put Blob")
    with BlobClient.from_blob_url(f"{faulty_store.url}/{NAME}", credential=KEY) as foreign:
        foreign.stage_block("x", b"left by a crashed run")
    sent = faults.count("Put Block")

    with pytest.raises(StoreError, match="leave no names for ours"):
        put(faulty_store, LARGE)

    assert faults.count("Put Block") == sent
    assert contents(faulty_store) == {b"what az stored by one Put Blob"}


@pytest.mark.parametrize("requests", range(11))
def test_a_run_that_ends_at_any_request_loses_nothing_and_the_next_one_goes_on(
    faults: FaultyAzurite, faulty_store: Store, requests: int
) -> None:
    put(faulty_store, FIRST)
    faults.fail("*", away_after(requests))
    with contextlib.suppress(PillarError):
        put(faulty_store, LATER)
    faults.heal()

    assert FIRST.content in contents(faulty_store) <= {FIRST.content, LATER.content}
    newest = current(faulty_store)
    told = FIRST if newest.metadata == FIRST.metadata else LATER
    assert (content_of(faulty_store, newest), newest.metadata) == (told.content, told.metadata)
    put(faulty_store, LAST)
    assert contents(faulty_store) >= {FIRST.content, LAST.content}
    assert_sound(faulty_store)


@pytest.mark.parametrize("requests", range(0, 14, 2))
def test_a_new_day_that_ends_at_any_request_is_begun_again(
    faults: FaultyAzurite, faulty_store: Store, requests: int
) -> None:
    put(faulty_store, LARGE)
    base = current(faulty_store)
    shorter = archive_of([LARGE.raw[:BLOCK_BYTES]], LATER_TAKEN)
    faults.fail("*", away_after(requests))
    with contextlib.suppress(PillarError), faulty_store.upload(NEXT_DAY, base) as upload:
        upload.reuse(0, shorter.members[0])
        upload.send(shorter.end)
        upload.commit(shorter.metadata)
    faults.heal()

    for point in catalog.from_entries(faulty_store.entries("sqlite"), SHELF):
        assert content_of(faulty_store, point.entry) in (LARGE.content, shorter.content)
    put(faulty_store, LAST, NEXT_DAY, base)
    assert content_of(faulty_store, current(faulty_store, NEXT_DAY)) == LAST.content
    assert_sound(faulty_store, NEXT_DAY)
