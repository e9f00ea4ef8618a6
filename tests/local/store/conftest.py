"""Each of the two stores alone, for what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import AzureSettings, StoreSettings
from local.store import azure_copy, azure_sidecar
from local.store.interface import Store
from local.store.open import open_store
from tests.support import azure_faults
from tests.support.azure_faults import FaultyAzurite
from tests.support.azurite import Azurite


@pytest.fixture
def azure_store(azure_store_settings: StoreSettings) -> Store:
    """A container of its own in Azurite."""
    return open_store(azure_store_settings, AzureSettings())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of `folder_store`."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def folder_store(folder: Path) -> Store:
    """An empty folder as a store."""
    return open_store(StoreSettings(url=folder.as_uri()), AzureSettings())


@pytest.fixture
def faults(azurite: Azurite) -> Iterator[FaultyAzurite]:
    """A proxy before Azurite in which requests meet faults."""
    with azure_faults.running(azurite) as proxy:
        yield proxy


@pytest.fixture
def faulty_store(faults: FaultyAzurite, azure_store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The container of `azure_store`, through that proxy; what is repeated is repeated at once."""
    # The SDK adds up to three seconds of chance to each wait.
    monkeypatch.setattr("azure.storage.blob.ExponentialRetry.get_backoff_time", lambda *_: 0.0)
    monkeypatch.setattr(azure_sidecar, "RETRY_SECONDS", (0.0,) * 7)
    monkeypatch.setattr(azure_copy, "POLL_SECONDS", 0.01)
    container = azure_store_settings.url.rpartition("/")[2]
    return open_store(StoreSettings(url=f"{faults.url}/{container}"), AzureSettings())
