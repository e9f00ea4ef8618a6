"""Blocks that the service makes itself of what the blob holds; where it will not, the bytes are sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from local.settings import AzureSettings, StoreSettings
from local.store.azure_blocks import BLOCK_BYTES
from local.store.interface import Store
from local.store.open import open_store
from tests.local.store.archives import (
    FIRST_TAKEN,
    LATER_TAKEN,
    NAME,
    NEXT_DAY,
    Archive,
    archive_of,
    content_of,
    current,
    put,
    random_parts,
)
from tests.support import azurite as azurite_process
from tests.support.azure_faults import Fault, FaultyAzurite, cut_before, refused
from tests.support.azurite import KEY

PARTS = random_parts(8, 36, BLOCK_BYTES // 16)
BEFORE = archive_of(PARTS[:32], FIRST_TAKEN)
# In each of the two blocks one member in the middle is another.
AFTER = archive_of([*PARTS[:5], PARTS[32], *PARTS[6:25], PARTS[33], *PARTS[26:32]], LATER_TAKEN)
NEW_BYTES = 2 * len(AFTER.members[5]) + len(AFTER.end)


def splice(store: Store, name: str) -> int:
    """Upload AFTER, reusing what BEFORE holds; the bytes sent."""
    sizes = [len(member) for member in BEFORE.members]
    with store.upload(name, current(store)) as upload:
        for number, member in enumerate(AFTER.members):
            if member == BEFORE.members[number]:
                upload.reuse(sum(sizes[:number]), member)
            else:
                upload.send(member)
        upload.send(AFTER.end)
        upload.commit(AFTER.metadata)
    return upload.sent


def assert_stored(store: Store, name: str, archive: Archive) -> None:
    assert content_of(store, current(store, name)) == archive.content


@pytest.mark.parametrize("name", [NAME, NEXT_DAY])
def test_of_a_block_in_which_a_little_changed_only_that_travels(
    faults: FaultyAzurite, faulty_store: Store, name: str
) -> None:
    put(faulty_store, BEFORE)

    sent = splice(faulty_store, name)

    assert_stored(faulty_store, name, AFTER)
    assert faults.count("Put Block From URL") > 2
    assert sent < NEW_BYTES + 2000


@pytest.mark.parametrize(
    "fault",
    [
        refused(500, "CannotVerifyCopySource"),
        refused(403, "CannotVerifyCopySource"),
        refused(409, "PublicAccessNotPermitted"),
        refused(501, "NotImplemented"),
        refused(412, "SourceConditionNotMet"),
    ],
)
def test_after_one_refusal_the_bytes_are_sent(faults: FaultyAzurite, faulty_store: Store, fault: Fault) -> None:
    put(faulty_store, BEFORE)
    faults.fail("Put Block From URL", fault)

    sent = splice(faulty_store, NAME)

    assert_stored(faulty_store, NAME, AFTER)
    assert faults.count("Put Block From URL") == 1
    assert sent >= len(AFTER.content) - BLOCK_BYTES


@pytest.mark.parametrize("fault", [refused(503, "ServerBusy"), refused(500, "InternalError"), cut_before])
def test_a_busy_service_costs_that_block_only(faults: FaultyAzurite, faulty_store: Store, fault: Fault) -> None:
    put(faulty_store, BEFORE)
    faults.fail("Put Block From URL", fault, times=1)

    sent = splice(faulty_store, NAME)

    assert_stored(faulty_store, NAME, AFTER)
    assert faults.count("Put Block From URL") > 2
    assert sent < NEW_BYTES + BLOCK_BYTES * 3 // 4


@pytest.fixture
def https_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Azurite over HTTPS with a certificate of an authority that only this machine knows."""
    from azure.storage.blob import ContainerClient

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    bundle, certificate, key = tmp_path / "ca.pem", tmp_path / "azurite.pem", tmp_path / "azurite.key"
    authority.cert_pem.write_to_path(bundle)
    issued.private_key_pem.write_to_path(key)
    certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    with azurite_process.running(tmp_path / "data", certificate, key) as running:
        url = running.container(f"test-{uuid.uuid4().hex}")
        with ContainerClient.from_container_url(url, credential=KEY, connection_verify=str(bundle)) as client:
            client.create_container()
        yield open_store(StoreSettings(url=url), AzureSettings())


def test_a_service_that_cannot_read_its_own_blob_over_https_is_sent_the_bytes(https_store: Store) -> None:
    """Azurite trusts no authority but Node's own, so it cannot read the source (*measured*)."""
    put(https_store, BEFORE)

    sent = splice(https_store, NAME)

    assert https_store.read_range(current(https_store), 0, 10**9) == AFTER.content
    assert sent >= len(AFTER.content) - BLOCK_BYTES
