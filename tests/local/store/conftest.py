"""Each of the two stores alone, for what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.open import open_store


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
