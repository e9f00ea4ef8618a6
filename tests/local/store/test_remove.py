"""A content leaves the store as both stores promise it: whole, alone, and what a kill left is found and finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.errors import PillarError
from local.store import layout
from local.store.interface import Store
from tests.local.store.archives import (
    FIRST,
    LATER,
    NAME,
    NEXT_DAY,
    content_of,
    contents,
    current,
    entries_by_version,
    former,
    put,
)
from tests.support.azure_faults import FaultyAzurite, cut_after, refused
from tests.support.azurite import KEY

SIDECAR = layout.sidecar_name(NAME)


def names(store: Store) -> set[str]:
    return {entry.name for entry in store.entries("sqlite")}


def test_the_folders_of_a_prefix_are_named_in_order(store: Store) -> None:
    assert store.folders("sqlite") == ()
    for name in ("sqlite/2026-05-06/b", "sqlite/2026-05-05/a", "sqlite/2026-05-05/x/y", "sqlite/z", "drills/d/e"):
        store.write(name, b"x")

    assert store.folders("sqlite") == ("2026-05-05", "2026-05-06")


def test_a_removed_backup_is_gone_with_its_sidecar_and_its_metadata(store: Store, tmp_path: Path) -> None:
    put(store, FIRST)
    put(store, LATER, NEXT_DAY)

    assert store.remove(current(store)) is None

    assert names(store) == {NEXT_DAY, layout.sidecar_name(NEXT_DAY)}
    assert list(store.leftovers("sqlite")) == []
    assert store.folders("sqlite") == ("2026-05-06",)
    assert not (tmp_path / "store" / NAME).parent.exists()


def test_a_former_content_goes_alone(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)

    assert store.remove(former(store)) is None

    assert contents(store) == {LATER.content}
    assert store.read(SIDECAR) == layout.sidecar_line(LATER.sha256, NAME)
    assert list(store.leftovers("sqlite")) == []


def test_the_same_content_of_another_day_stays(store: Store) -> None:
    put(store, FIRST)
    store.repeat(NEXT_DAY, current(store), FIRST.metadata)

    assert store.remove(current(store)) is None

    assert content_of(store, current(store, NEXT_DAY)) == FIRST.content
    assert store.read(layout.sidecar_name(NEXT_DAY)) == layout.sidecar_line(FIRST.sha256, NEXT_DAY)


def test_what_was_overwritten_since_it_was_listed_stays(store: Store) -> None:
    put(store, FIRST)
    listed = current(store)
    store.write(NAME, b"another run's")

    assert "another run changed it" in (store.remove(listed) or "")

    assert store.read(NAME) == b"another run's"
    assert store.read(SIDECAR) is not None


def test_what_is_gone_already_is_done(store: Store) -> None:
    put(store, FIRST)
    put(store, LATER)
    listed = entries_by_version(store).values()
    for entry in sorted(listed, key=lambda entry: entry.version is None):
        assert store.remove(entry) is None

    assert [store.remove(entry) for entry in listed] == [None, None]


def test_a_sidecar_whose_content_is_gone_is_a_leftover_and_remove_takes_it(store: Store) -> None:
    put(store, FIRST, NEXT_DAY)
    store.write(SIDECAR, b"left by a kill")

    (left,) = store.leftovers("sqlite")
    assert (left.name, left.version) == (NAME, None)
    assert store.remove(left) is None

    assert names(store) == {NEXT_DAY, layout.sidecar_name(NEXT_DAY)}


def test_a_leftover_under_which_a_backup_came_up_since_is_left_alone(store: Store) -> None:
    store.write(SIDECAR, b"left by a kill")
    (left,) = store.leftovers("sqlite")
    put(store, FIRST)

    assert "another run changed it" in (store.remove(left) or "")

    assert content_of(store, current(store)) == FIRST.content
    assert store.read(SIDECAR) == layout.sidecar_line(FIRST.sha256, NAME)


def test_a_blob_never_goes_with_its_snapshots(azure_store: Store) -> None:
    put(azure_store, FIRST)
    put(azure_store, LATER)

    assert "former contents" in (azure_store.remove(current(azure_store)) or "")

    assert contents(azure_store) == {FIRST.content, LATER.content}
    assert azure_store.read(SIDECAR) == layout.sidecar_line(LATER.sha256, NAME)


def test_a_leased_blob_stays_and_that_is_told(azure_store: Store) -> None:
    from azure.storage.blob import BlobLeaseClient, ContainerClient

    put(azure_store, FIRST)
    with ContainerClient.from_container_url(azure_store.url, credential=KEY) as client:
        BlobLeaseClient(client.get_blob_client(NAME)).acquire()

    assert "holds a lease" in (azure_store.remove(current(azure_store)) or "")

    assert contents(azure_store) == {FIRST.content}


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("BlobImmutableDueToPolicy", 409, "immutability policy"),
        ("BlobImmutableDueToLegalHold", 409, "legal hold"),
    ],
)
def test_an_immutable_blob_stays_and_that_is_told(
    faulty_store: Store, faults: FaultyAzurite, code: str, status: int, said: str
) -> None:
    put(faulty_store, FIRST)
    faults.fail("Delete Blob", refused(status, code))

    assert said in (faulty_store.remove(current(faulty_store)) or "")

    assert faulty_store.read(SIDECAR) is not None


def test_a_version_that_this_login_may_not_delete_stays_and_the_role_is_named(
    faulty_store: Store, faults: FaultyAzurite
) -> None:
    put(faulty_store, FIRST)
    version = replace(current(faulty_store), version="versionid=2026-05-05T04:00:00.0000000Z")
    faults.fail("Delete Blob", refused(403, "AuthorizationPermissionMismatch"))

    assert "Storage Blob Data Owner" in (faulty_store.remove(version) or "")


def test_a_login_that_may_not_delete_at_all_is_refused(faulty_store: Store, faults: FaultyAzurite) -> None:
    put(faulty_store, FIRST)
    faults.fail("Delete Blob", refused(403, "AuthorizationPermissionMismatch"))

    with pytest.raises(PillarError) as raised:
        faulty_store.remove(current(faulty_store))

    assert raised.value.exit_code == 3


def test_a_deletion_whose_answer_is_lost_is_done_all_the_same(faulty_store: Store, faults: FaultyAzurite) -> None:
    put(faulty_store, FIRST)
    faults.fail("Delete Blob", cut_after, times=1)

    assert faulty_store.remove(current(faulty_store)) is None

    assert names(faulty_store) == set()


def test_soft_delete_is_told_and_what_may_not_be_looked_at_too(
    azure_store: Store, faulty_store: Store, faults: FaultyAzurite
) -> None:
    from azure.storage.blob import BlobServiceClient, RetentionPolicy

    with BlobServiceClient(azure_store.url.rpartition("/")[0], credential=KEY) as service:
        try:
            service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=14))
            assert "for 14 days" in azure_store.afterlife()
        finally:
            service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))
    assert azure_store.afterlife() == ""
    faults.fail("GET properties", refused(403, "AuthorizationPermissionMismatch"))
    assert "could not be looked at (AuthorizationPermissionMismatch)" in faulty_store.afterlife()


REMOVAL = """
import os, signal, sys
from pathlib import Path
from local.store.folder import FolderStore
left = int(sys.argv[2])
unlink = Path.unlink
def counted(path, missing_ok=False):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    unlink(path, missing_ok=missing_ok)
Path.unlink = counted
store = FolderStore(Path(sys.argv[1]))
for entry in [entry for entry in store.entries("sqlite") if entry.name.endswith(".db.gz")]:
    store.remove(entry)
"""


@pytest.mark.parametrize("steps", range(6))
def test_killed_at_any_step_the_rest_is_found_and_removed(folder_store: Store, folder: Path, steps: int) -> None:
    put(folder_store, FIRST)
    put(folder_store, LATER)

    done = subprocess.run([sys.executable, "-c", REMOVAL, str(folder), str(steps)], env={**os.environ})

    assert done.returncode == -signal.SIGKILL
    whole = {content_of(folder_store, entry) for entry in entries_by_version(folder_store).values()}
    assert whole <= {FIRST.content, LATER.content}
    for entry in [*entries_by_version(folder_store).values(), *folder_store.leftovers("sqlite")]:
        assert folder_store.remove(entry) is None
    assert [path for path in folder.rglob("*") if path.is_file()] == []
