"""What only a container in Azure promises: it is never taken for an empty one, and a SAS alone opens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.errors import PillarError
from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.open import open_store
from tests.local.store.archives import FIRST, LATER, LATER_TAKEN, NAME, NEXT_DAY, content_of, current, former, put
from tests.support.azurite import ACCOUNT, KEY


@pytest.fixture
def store_by_sas(azure_store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The container in Azurite as one reaches it who holds nothing but a SAS for the whole account.

    (Azurite refuses to read a snapshot by a SAS for the container.)
    """
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    sas = generate_account_sas(
        ACCOUNT,
        KEY,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, add=True, create=True, write=True, delete=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"?{sas}")
    return open_store(azure_store_settings, AzureSettings())


def test_a_container_that_is_not_there_is_told_and_never_taken_for_an_empty_one(
    azure_store_settings: StoreSettings,
) -> None:
    store = open_store(StoreSettings(url=f"{azure_store_settings.url}gone"), AzureSettings())

    for call in (lambda: list(store.entries("sqlite")), lambda: store.read(NAME), lambda: store.upload(NAME, None)):
        with pytest.raises(PillarError, match=r"ContainerNotFound|container"):
            call()


def test_a_sas_is_enough_for_every_call(store_by_sas: Store) -> None:
    put(store_by_sas, FIRST)
    put(store_by_sas, LATER)
    store_by_sas.repeat(NEXT_DAY, current(store_by_sas), LATER.metadata)

    assert content_of(store_by_sas, former(store_by_sas)) == FIRST.content
    assert content_of(store_by_sas, current(store_by_sas, NEXT_DAY)) == LATER.content


def test_the_stores_url_never_holds_the_sas(store_by_sas: Store) -> None:
    assert "?" not in store_by_sas.url
    assert "sig=" not in f"{store_by_sas!r} {vars(store_by_sas)}"


def test_an_entry_of_the_current_content_has_no_version_and_the_etag_that_a_condition_takes(azure_store: Store) -> None:
    put(azure_store, FIRST)

    entry = current(azure_store)
    assert entry.version is None
    assert (entry.etag or "").startswith('"')
    assert (entry.etag or "").endswith('"')
    assert azure_store.repeat(NAME, entry, FIRST.at(LATER_TAKEN)) > 0, "a commit on this condition is taken"
