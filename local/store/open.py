"""From the configuration to the store that it names: a folder, or a container in Azure."""

from __future__ import annotations

from local.location import FolderLocation
from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.repository import Repository
from local.store.shelf import databases_in


def open_repository(store: StoreSettings, azure: AzureSettings) -> Repository:
    """The databases' backups in the store that the configuration names; its volumes' are `on` another shelf of it."""
    return Repository(open_store(store, azure), databases_in(store.prefix))


def open_store(store: StoreSettings, azure: AzureSettings) -> Store:
    """The store that the configuration names; Azure's libraries are loaded only where it is in Azure.

    Raises ConfigError where the store is in Azure and the environment's login cannot be meant for it.
    """
    location = store.location
    if isinstance(location, FolderLocation):
        from local.store.folder import FolderStore

        return FolderStore(location.path)
    from local.store.azure import AzureStore
    from local.store.azure_connection import connect

    return AzureStore(connect(location, azure))
