"""Calls on a condition: each is refused where the blob is no longer the one that it was based on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.errors import StoreError
from local.location import ContainerLocation
from local.settings import AzureSettings, StoreSettings
from local.store import layout
from local.store.azure_connection import connect
from local.store.azure_container import AzureContainer
from local.store.azure_copy import copy_as_backup
from local.store.azure_current import CurrentBlob
from local.store.interface import Store
from tests.local.store.archives import FIRST, LATER, NAME, NEXT_DAY, current, entries_by_version, put


@pytest.fixture
def container(azure_store_settings: StoreSettings) -> AzureContainer:
    """The container of `azure_store`."""
    location = azure_store_settings.location
    assert isinstance(location, ContainerLocation)
    return AzureContainer(connect(location, AzureSettings()))


def current_of(container: AzureContainer, name: str) -> CurrentBlob:
    found = container.current(name)
    assert found is not None
    return found


def test_the_current_content_is_told_as_the_listing_tells_it(azure_store: Store, container: AzureContainer) -> None:
    put(azure_store, FIRST)
    put(azure_store, LATER)

    assert current_of(container, NAME).entry == current(azure_store)


def test_a_blob_that_is_not_there_has_no_current_content(container: AzureContainer) -> None:
    assert container.current(NAME) is None


def test_a_content_that_was_replaced_meanwhile_is_not_kept(azure_store: Store, container: AzureContainer) -> None:
    put(azure_store, FIRST)
    seen = current_of(container, NAME)
    put(azure_store, LATER)

    with pytest.raises(StoreError, match="another run changed this blob"):
        container.keep(seen)


def test_an_upload_that_never_came_to_its_commit_is_not_kept(azure_store: Store, container: AzureContainer) -> None:
    azure_store.write(NAME, b"begun")
    found = current_of(container, NAME)
    begun = replace(found, entry=replace(found.entry, metadata={layout.SEED_KEY: NEXT_DAY}))

    container.keep(begun)

    assert list(entries_by_version(azure_store)) == [None]


def test_a_copy_replaces_nothing_that_it_was_not_told_of(azure_store: Store, container: AzureContainer) -> None:
    put(azure_store, FIRST)
    put(azure_store, LATER, NEXT_DAY)

    for etag in (None, '"0x0"'):
        with pytest.raises(StoreError, match="another run changed this blob"):
            copy_as_backup(container, NEXT_DAY, current(azure_store), FIRST.metadata, etag)

    assert current(azure_store, NEXT_DAY).metadata == LATER.metadata


def test_a_copy_returns_the_etag_of_what_it_made(azure_store: Store, container: AzureContainer) -> None:
    put(azure_store, FIRST)

    etag = copy_as_backup(container, NEXT_DAY, current(azure_store), LATER.metadata, None)

    assert current(azure_store, NEXT_DAY).etag == etag
